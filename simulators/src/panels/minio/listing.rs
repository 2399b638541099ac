//! Lists of buckets and of the objects in one.

use super::bucket::Object;
use super::policy::Wish;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Call;
use super::switches::Flavour;
use crate::form::encoded;
use crate::xml::escaped;
use std::collections::BTreeSet;

const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// The owner that every bucket and object has; it tells nothing.
fn owner(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Rustfs => {
            "<Owner><ID>c19050dbcee97fda828689dda99097a6321af2248fa760517237346e5d9c8a66</ID><DisplayName>rustfs</DisplayName></Owner>"
        }
        _ => {
            "<Owner><ID>02d6176db174dc93cb1b899f7c6078f08654445fe8cf1b6ce98d8855f66bdbf4</ID><DisplayName>minio</DisplayName></Owner>"
        }
    }
}

/// All buckets for those who may list them, else the ones the signer may look into.
pub fn buckets(call: &Call<'_>) -> Result<Reply, Refusal> {
    let all = call.may("s3:ListAllMyBuckets", "", "");
    let world = call.server.world();
    let may = |bucket: &str| {
        let actions = ["s3:ListBucket", "s3:GetBucketLocation"];
        let mut wishes =
            actions.iter().map(|action| Wish { action, bucket, object: "", user: &call.signer.name });
        all || wishes.any(|wish| world.allows(&wish))
    };
    let seen = world.live_buckets().filter(|(name, _)| may(name));
    let lines = seen.map(|(name, bucket)| {
        let created = bucket.created.format(TIME);
        format!("<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate></Bucket>")
    });
    let lines: String = lines.collect();
    if lines.is_empty() && !all {
        return Err(Refusal::new("AccessDenied"));
    }
    let owner = owner(call.server.switches().flavour);
    Ok(Reply::xml(&format!(
        "<ListAllMyBucketsResult {NAMESPACE}>{owner}<Buckets>{lines}</Buckets></ListAllMyBucketsResult>"
    )))
}

/// One page of a bucket's objects: version 2, version 1, or the versions of each (one, here).
pub fn objects(call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    let world = call.server.world();
    let bucket = world.bucket(name)?;
    let asked = |parameter| call.parameter(parameter).unwrap_or_default();
    if call.parameter("uploads").is_some() {
        return Ok(no_uploads(name));
    }
    let kind = match (call.parameter("versions"), asked("list-type")) {
        (Some(_), _) => Listing::Versions,
        (None, "2") => Listing::Second,
        _ => Listing::First,
    };
    let after = match kind {
        Listing::Second if !asked("continuation-token").is_empty() => asked("continuation-token"),
        Listing::Second => asked("start-after"),
        Listing::First => asked("marker"),
        Listing::Versions => asked("key-marker"),
    };
    let wanted: usize = asked("max-keys").parse().unwrap_or(1_000).min(1_000);
    let page = page(&bucket.objects, asked("prefix"), asked("delimiter"), after, wanted);
    let write = |text: &str| match asked("encoding-type") {
        "url" => encoded(text, true),
        _ => escaped(text),
    };
    let owner = owner(call.server.switches().flavour);
    let told_owner = match kind {
        Listing::Second if asked("fetch-owner") != "true" => "",
        Listing::First | Listing::Second | Listing::Versions => owner,
    };
    let entries = page.objects.iter().map(|(key, object)| entry(&write(key), object, kind, told_owner));
    let entries: String = entries.collect();
    let folders = page
        .folders
        .iter()
        .map(|folder| format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", write(folder)));
    let folders: String = folders.collect();
    let head = head(
        &kind,
        name,
        &write(asked("prefix")),
        &write(asked("delimiter")),
        &write(after),
        wanted,
        &page,
        &write,
    );
    let element = kind.element();
    Ok(Reply::xml(&format!("<{element} {NAMESPACE}>{head}{entries}{folders}</{element}>")))
}

#[derive(Clone, Copy, PartialEq)]
enum Listing {
    First,
    Second,
    Versions,
}

impl Listing {
    fn element(self) -> &'static str {
        match self {
            Self::Versions => "ListVersionsResult",
            Self::First | Self::Second => "ListBucketResult",
        }
    }
}

struct Page<'a> {
    objects: Vec<(&'a String, &'a Object)>,
    folders: BTreeSet<String>,
    next: Option<String>,
}

fn page<'a>(
    all: &'a std::collections::BTreeMap<String, Object>,
    prefix: &str,
    delimiter: &str,
    after: &str,
    wanted: usize,
) -> Page<'a> {
    let mut page = Page { objects: Vec::new(), folders: BTreeSet::new(), next: None };
    let mut last = String::new();
    for (key, object) in all {
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        let folder = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let folder = folder.map(|end| format!("{prefix}{}", &rest[..end + delimiter.len()]));
        let mark = folder.as_ref().unwrap_or(key);
        if mark.as_str() <= after || folder.as_ref().is_some_and(|folder| page.folders.contains(folder)) {
            continue;
        }
        if page.objects.len() + page.folders.len() == wanted {
            page.next = Some(last);
            return page;
        }
        last.clone_from(mark);
        match folder {
            Some(folder) => drop(page.folders.insert(folder)),
            None => page.objects.push((key, object)),
        }
    }
    page
}

#[allow(clippy::too_many_arguments)]
fn head(
    kind: &Listing,
    name: &str,
    prefix: &str,
    delimiter: &str,
    after: &str,
    wanted: usize,
    page: &Page<'_>,
    write: &dyn Fn(&str) -> String,
) -> String {
    let delimiter = match delimiter {
        "" => String::new(),
        some => format!("<Delimiter>{some}</Delimiter>"),
    };
    let next = page.next.as_deref().map(write);
    let next = |tag: &str| next.as_ref().map_or_else(String::new, |next| format!("<{tag}>{next}</{tag}>"));
    let truncated = page.next.is_some();
    let count = page.objects.len() + page.folders.len();
    match kind {
        Listing::First => format!(
            "<Name>{name}</Name><Prefix>{prefix}</Prefix><Marker>{after}</Marker>{}<MaxKeys>{wanted}</MaxKeys>{delimiter}<IsTruncated>{truncated}</IsTruncated>",
            next("NextMarker")
        ),
        Listing::Second => format!(
            "<Name>{name}</Name><Prefix>{prefix}</Prefix>{}<KeyCount>{count}</KeyCount><MaxKeys>{wanted}</MaxKeys>{delimiter}<IsTruncated>{truncated}</IsTruncated>",
            next("NextContinuationToken")
        ),
        Listing::Versions => format!(
            "<Name>{name}</Name><Prefix>{prefix}</Prefix><KeyMarker>{after}</KeyMarker>{}<NextVersionIdMarker></NextVersionIdMarker><VersionIdMarker></VersionIdMarker><MaxKeys>{wanted}</MaxKeys>{delimiter}<IsTruncated>{truncated}</IsTruncated>",
            next("NextKeyMarker")
        ),
    }
}

fn entry(key: &str, object: &Object, kind: Listing, owner: &str) -> String {
    let modified = object.modified.format(TIME);
    let facts = format!(
        "<Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&#34;{}&#34;</ETag><Size>{}</Size>{owner}<StorageClass>STANDARD</StorageClass>",
        object.etag,
        object.body.len()
    );
    match kind {
        Listing::Versions => {
            format!("<Version>{facts}<IsLatest>true</IsLatest><VersionId>null</VersionId></Version>")
        }
        Listing::First | Listing::Second => format!("<Contents>{facts}</Contents>"),
    }
}

fn no_uploads(bucket: &str) -> Reply {
    Reply::xml(&format!(
        "<ListMultipartUploadsResult {NAMESPACE}><Bucket>{bucket}</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker><NextKeyMarker></NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker><Prefix></Prefix><MaxUploads>10000</MaxUploads><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
    ))
}
