//! What the signer has: his policy and the buckets he may read or write, with their sizes.

use super::policy::{Document, Wish};
use super::quota;
use super::refusal::Refusal;
use super::reply::Reply;
use super::rustfs;
use super::server::Call;
use super::switches::{Flavour, go_time};
use super::usage::{self, Found};
use super::world::{BUILT_IN, World};
use serde_json::json;
use std::collections::HashMap;

/// A bucket the signer may use.
pub struct Mine<'a> {
    /// Its name.
    pub name: &'a str,
    /// As the scanner saw it; `None` before its first scan.
    pub found: Option<Found<'a>>,
    /// He may list or locate it.
    pub read: bool,
    /// He may write to it.
    pub write: bool,
}

/// The account of the signer.
pub fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let policy = own_policy(call, &world);
    let policy = serde_json::to_string(&policy).map_err(|_| Refusal::new("InternalError"))?;
    let mine = mine(call, &world);
    if call.server.switches().flavour == Flavour::Rustfs {
        return Ok(Reply::json(rustfs::account(call, &world, &policy, &mine)));
    }
    let buckets = mine.iter().map(|bucket| line(&world, bucket));
    let buckets = match mine.is_empty() {
        true => "null".to_owned(),
        false => format!("[{}]", buckets.collect::<Vec<_>>().join(",")),
    };
    let told = format!(
        "{{\"AccountName\":{},\"Server\":{SERVER},\"Policy\":{policy},\"Buckets\":{buckets}}}",
        json!(call.signer.name)
    );
    Ok(Reply::json(told))
}

const SERVER: &str = r#"{"Type":2,"GatewayOnline":false,"OnlineDisks":null,"OfflineDisks":null,"StandardSCData":[2],"StandardSCParities":null,"RRSCData":[3],"RRSCParities":null,"TotalSets":[1],"DrivesPerSet":[4],"StandardSCParity":2,"RRSCParity":1}"#;

fn own_policy(call: &Call<'_>, world: &World) -> Document {
    match call.signer.is_root {
        true => Document::trusted(BUILT_IN[0].1),
        false => Document::union(world.documents(&call.signer.name).into_iter()),
    }
}

fn mine<'a>(call: &Call<'_>, world: &'a World) -> Vec<Mine<'a>> {
    let found = usage::found(call.server, world).map(|(_, found)| found).unwrap_or_default();
    let found: HashMap<&str, Found<'a>> = found.into_iter().map(|one| (one.name, one)).collect();
    let may = |action, bucket, object| {
        let wish = Wish { action, bucket, object, user: &call.signer.name };
        call.signer.is_root || world.allows(&wish)
    };
    let mine = world.live_buckets().map(|(name, _)| Mine {
        name,
        found: found.get(name.as_str()).copied(),
        read: may("s3:ListBucket", name, "") || may("s3:GetBucketLocation", name, ""),
        write: may("s3:PutObject", name, ""),
    });
    mine.filter(|bucket| bucket.read || bucket.write).collect()
}

fn line(world: &World, bucket: &Mine<'_>) -> String {
    let Ok(place) = world.bucket(bucket.name) else {
        return String::new();
    };
    let (size, objects) = bucket.found.map_or((0, 0), |found| (found.size, found.objects));
    let (sizes, versions) = match bucket.found {
        Some(found) => found.histograms(),
        None => ("null".to_owned(), "null".to_owned()),
    };
    format!(
        "{{\"name\":\"{}\",\"size\":{size},\"objects\":{objects},\"objectHistogram\":{sizes},\
         \"objectsVersionsHistogram\":{versions},\"details\":{{\"versioning\":false,\"versioningSuspended\":false,\
         \"locking\":false,\"replication\":false,\"tags\":null,\"quota\":{}}},\"prefixUsage\":null,\
         \"created\":\"{}\",\"access\":{{\"read\":{},\"write\":{}}}}}",
        bucket.name,
        quota::written(&place.quota),
        go_time(place.created),
        bucket.read,
        bucket.write
    )
}
