//! Stored bytes: what running containers use, or what every guest's disks are configured to.
//!
//! The hypervisor cannot look into a machine's disks and reports 0 for them, which is never usage.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::cluster::{Guest, GuestKind, Listing};
use super::guests::{Counted, Trouble};
use super::refusal::CallFailure;
use super::session::AT_ONCE;
use super::settings::Storage;
use super::wire::Config;
use super::{GuestLocation, PollRequest, Proxmox};
use crate::backends::BackendError;
use crate::backends::kit::many::some_at_once;
use crate::domain::{AccountName, Breakdown, Bytes, Harvest, Meter, Reading, Reason, Seconds, Timestamp};

/// The most configurations read in one poll.
const AT_MOST: usize = 200;

/// Disks are resized rarely, and one call per guest is dear.
const GOOD_FOR: Seconds = Seconds::hours(24);

/// The disks of a machine and of a container, by the names of their keys (qm.conf(5), pct.conf(5)).
const MACHINE_DISKS: [&str; 6] = ["scsi", "virtio", "sata", "ide", "efidisk", "tpmstate"];

/// The configured sizes known so far, with the time each was read.
#[derive(Debug, Default)]
pub(super) struct Sizes(HashMap<(&'static str, u64), Read>);

/// When a configuration was read, and what it says.
type Read = (Timestamp, Result<Provisioned, Trouble>);

/// What a guest's configuration says of its disks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Provisioned {
    /// The sizes that are written, together.
    size: Bytes,
    /// The disks that Proxmox has written no size of: those that were put in by hand, until it looks them over again.
    without_size: Vec<String>,
}

impl Proxmox {
    /// Puts the stored bytes of every account into the harvest.
    pub(super) async fn storage(
        &self,
        listing: &Listing<'_>,
        found: &[Counted<'_>],
        ask: &PollRequest,
        harvest: &mut Harvest,
    ) {
        match self.config.storage {
            Storage::None => {}
            Storage::Used => sum(found, harvest, |guest| used(guest, listing, ask.now)),
            Storage::Provisioned => {
                self.read_sizes(listing, found, ask.now).await;
                let Ok(mut sizes) = self.sizes.lock() else { return };
                if ask.only.is_none() {
                    sizes.keep(found);
                }
                sum(found, harvest, |guest| Some(sizes.of(guest)));
                if let Some(warning) = sizes.without_size(found) {
                    harvest.warn(warning);
                }
            }
        }
    }

    /// Reads the configurations whose size is unknown or old, the oldest first.
    async fn read_sizes(&self, listing: &Listing<'_>, found: &[Counted<'_>], now: Timestamp) {
        let mut due: Vec<(Option<Timestamp>, &Guest<'_>)> = {
            let Ok(sizes) = self.sizes.lock() else { return };
            let guests = found.iter().map(|(claimed, _)| &claimed.guest);
            let reachable = guests.filter(|guest| listing.silence(guest.node()).is_none());
            reachable
                .map(|guest| (sizes.0.get(&key(guest)).map(|(at, _)| *at), guest))
                .filter(|(at, _)| at.is_none_or(|at| now.since(at) >= GOOD_FOR))
                .collect()
        };
        due.sort_by_key(|(at, guest)| (*at, guest.vmid));
        let asked = due.into_iter().take(AT_MOST).map(|(_, guest)| async move {
            let size = match self.config(&GuestLocation::of(guest)).await {
                Ok(config) => provisioned(guest, &config),
                Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => {
                    Err(Trouble::new(Reason::Busy, format!("{} has just moved to another node", guest.id())))
                }
                Err(failure) => {
                    let error = BackendError::from(failure);
                    Err(Trouble::new(error.reason(), format!("{}: {error}", guest.id())))
                }
            };
            (key(guest), size)
        });
        let asked: Vec<_> = asked.collect();
        let read: Vec<_> = some_at_once(AT_ONCE, asked).await;
        let Ok(mut sizes) = self.sizes.lock() else { return };
        for (guest, size) in read {
            // What could not be asked is asked again at the next poll; what was known stays as old as it is.
            match (&size, sizes.0.get(&guest)) {
                (Err(trouble), Some((_, Ok(_)))) if trouble.reason != Reason::Unexpected => {}
                (Err(trouble), _) if trouble.reason != Reason::Unexpected => {
                    sizes.0.insert(guest, (Timestamp::EPOCH, size));
                }
                _ => {
                    sizes.0.insert(guest, (now, size));
                }
            }
        }
    }
}

impl Sizes {
    /// Forgets who is no more.
    fn keep(&mut self, found: &[Counted<'_>]) {
        let there: HashSet<_> = found.iter().map(|(claimed, _)| key(&claimed.guest)).collect();
        self.0.retain(|guest, _| there.contains(guest));
    }

    fn of(&self, guest: &Guest<'_>) -> Result<(Timestamp, Bytes), Trouble> {
        match self.0.get(&key(guest)) {
            Some((at, Ok(provisioned))) => Ok((*at, provisioned.size)),
            Some((_, Err(trouble))) => Err(trouble.clone()),
            None => {
                let detail = format!("{}: its configuration waits for its turn to be read", guest.id());
                Err(Trouble::new(Reason::Busy, detail))
            }
        }
    }
}

impl Sizes {
    /// What the operator should know of disks of unknown size.
    fn without_size(&self, found: &[Counted<'_>]) -> Option<String> {
        let guests = found.iter().map(|(claimed, _)| &claimed.guest);
        let such = guests.filter_map(|guest| match self.0.get(&key(guest)) {
            Some((_, Ok(known))) => Some(format!("{} of {}", known.without_size.first()?, guest.id())),
            _ => None,
        });
        let such: Vec<String> = such.collect();
        such.first().map(|first| {
            format!(
                "{} guests have a disk without a size in their configuration, such as {first}: it is not counted until \
                 `qm disk rescan` or `pct rescan` has written it",
                such.len()
            )
        })
    }
}

fn key(guest: &Guest<'_>) -> (&'static str, u64) {
    (guest.kind.name(), guest.vmid)
}

/// What a container uses; nothing at all for a guest that by its nature or state reports none.
fn used(
    guest: &Guest<'_>,
    listing: &Listing<'_>,
    now: Timestamp,
) -> Option<Result<(Timestamp, Bytes), Trouble>> {
    let silent = guest.is_unknown() || listing.silence(guest.node()).is_some();
    if guest.kind == GuestKind::Qemu || (!silent && guest.row.uptime.whole() == Some(0)) {
        return None;
    }
    if silent || guest.trouble.is_some() {
        let detail = format!("{}: node {} cannot be trusted now", guest.id(), guest.node());
        return Some(Err(Trouble::new(Reason::Unreachable, detail)));
    }
    let strange = |problem| Trouble::new(Reason::Unexpected, format!("{}: {problem}", guest.id()));
    Some(match guest.row.disk.bytes("disk") {
        // A root file system that runs is never empty.
        Ok(Bytes::ZERO) => Err(strange("disk is 0 although it runs".into())),
        other => other.map(|size| (now, size)).map_err(strange),
    })
}

/// What the guests of an account store together.
#[derive(Default)]
struct Sum<'g, 'a> {
    /// Those that report none.
    silent: Vec<&'g Guest<'a>>,
    /// The oldest reading, and all together.
    so_far: Option<(Timestamp, i128)>,
    /// What each of them stores, by its number and name.
    parts: Vec<(String, Bytes)>,
}

/// Adds up what the guests of each account store. One of several that is not known leaves the sum
/// unknown; an account of which no guest reports anything has none.
fn sum(
    found: &[Counted<'_>],
    harvest: &mut Harvest,
    one: impl Fn(&Guest<'_>) -> Option<Result<(Timestamp, Bytes), Trouble>>,
) {
    let mut accounts: BTreeMap<&AccountName, Sum<'_, '_>> = BTreeMap::new();
    for (claimed, _) in found {
        let Sum { silent, so_far, parts } = accounts.entry(&claimed.account).or_default();
        match one(&claimed.guest) {
            None => silent.push(&claimed.guest),
            Some(Ok((at, size))) => {
                let (oldest, sum) = so_far.unwrap_or((at, 0));
                *so_far = Some((oldest.min(at), sum + size.wide()));
                parts.push((called(&claimed.guest), size));
            }
            Some(Err(trouble)) => {
                let meter = Some(Meter::StorageUsed);
                harvest.unread(&claimed.account, meter, trouble.reason, trouble.detail);
            }
        }
    }
    for (account, Sum { silent, so_far, parts }) in accounts {
        let Some((at, total)) = so_far else { continue };
        if let Some(guest) = silent.first() {
            let detail = format!(
                "{} of the account's guests do not report theirs, such as {}",
                silent.len(),
                guest.id()
            );
            harvest.unread(account, Some(Meter::StorageUsed), Reason::NotOffered, detail);
        }
        let whole = harvest.accounts().get(account).is_none_or(|harvested| {
            harvested.unread.iter().all(|unread| unread.meter != Some(Meter::StorageUsed))
        });
        match Bytes::from_wide(total) {
            Ok(level) if whole => {
                harvest.add_reading(account, Meter::StorageUsed, Reading::Gauge { at, level });
                if let Some(made_of) = Breakdown::new(at, parts) {
                    harvest.made_of(account, made_of);
                }
            }
            Ok(_) => {}
            Err(error) => {
                harvest.unread(account, Some(Meter::StorageUsed), Reason::Unexpected, error.to_string());
            }
        }
    }
}

/// A guest as people know it: by its number and its name.
fn called(guest: &Guest<'_>) -> String {
    match guest.row.name.text() {
        Some(name) if !name.is_empty() => format!("{} {name}", guest.id()),
        _ => guest.id(),
    }
}

/// The sizes of all disks of a guest together. One of which no disk has a size is not known.
fn provisioned(guest: &Guest<'_>, config: &Config) -> Result<Provisioned, Trouble> {
    let strange = |problem: String| Trouble::new(Reason::Unexpected, format!("{}: {problem}", guest.id()));
    let disks: Vec<(&str, &str)> = match guest.kind {
        GuestKind::Qemu => MACHINE_DISKS.iter().flat_map(|name| config.numbered(name)).collect(),
        GuestKind::Lxc => {
            let root = config.get("rootfs").map(|value| ("rootfs", value));
            root.into_iter().chain(config.numbered("mp")).collect()
        }
    };
    let (mut sum, mut has_size, mut without_size) = (0, false, Vec::new());
    for (name, disk) in disks {
        let parts: Vec<&str> = disk.split(',').collect();
        // A drive for discs, or a directory of the host lent to a container, is no account's disk. A disk of the host
        // that a guest has to itself is its own, and so is the directory that is a container's root.
        let is_lent = name.starts_with("mp") && disk.starts_with('/') && !disk.starts_with("/dev/");
        if parts.contains(&"media=cdrom") || disk == "none" || is_lent {
            continue;
        }
        let Some(size) = parts.iter().find_map(|part| part.strip_prefix("size=")) else {
            without_size.push(name.to_string());
            continue;
        };
        sum += size_bytes(size).ok_or_else(|| strange(format!("disk {name} has the size {size:?}")))?;
        has_size = true;
    }
    if let Some(disk) = without_size.first().filter(|_| !has_size) {
        return Err(strange(format!("disk {disk} has no size")));
    }
    let size = Bytes::from_wide(sum).map_err(|error| strange(error.to_string()))?;
    Ok(Provisioned { size, without_size })
}

/// A size as PVE::JSONSchema writes it: digits, perhaps a fraction, and a unit of 2^10.
fn size_bytes(text: &str) -> Option<i128> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let shift = match &text[digits..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    let (whole, fraction) = text[..digits].split_once('.').unwrap_or((&text[..digits], ""));
    if fraction.len() > 12 {
        return None;
    }
    let whole: i128 = whole.parse::<u64>().ok()?.into();
    let part = match fraction {
        "" => 0,
        digits => (i128::from(digits.parse::<u64>().ok()?) << shift) / 10_i128.pow(digits.len() as u32),
    };
    Some((whole << shift) + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(kind: GuestKind, config: &str) -> Result<u64, String> {
        let guest = Guest { kind, vmid: 7, row: Default::default(), trouble: None };
        let config: Config = serde_json::from_str(config).expect("a configuration");
        provisioned(&guest, &config).map(|known| known.size.get()).map_err(|trouble| trouble.detail)
    }

    #[test]
    fn all_disks_count_and_nothing_else() {
        let machine = r#"{"scsi0":"local-zfs:vm-7-disk-0,iothread=1,size=32G","virtio11":"nfs1:7/a.qcow2,size=512M",
            "efidisk0":"local-zfs:vm-7-disk-1,efitype=4m,size=528K","ide2":"local:iso/d.iso,media=cdrom,size=700M",
            "ide3":"none,media=cdrom","scsihw":"virtio-scsi-single","unused0":"local-zfs:vm-7-disk-9","cores":4}"#;
        assert_eq!(size(GuestKind::Qemu, machine), Ok((32 << 30) + (512 << 20) + (528 << 10)));
        let passed = r#"{"scsi0":"local-zfs:vm-7-disk-0,size=32G",
            "scsi1":"/dev/disk/by-id/ata-EXAMPLE_1,backup=0,size=3907018584K"}"#;
        assert_eq!(size(GuestKind::Qemu, passed), Ok((32 << 30) + (3_907_018_584 << 10)));
        let container = r#"{"rootfs":"local-zfs:subvol-7-disk-0,size=8G","mp0":"local-zfs:subvol-7-disk-1,mp=/srv,size=1T",
            "mp1":"/mnt/lent,mp=/mnt","scsi0":"x,size=9G"}"#;
        assert_eq!(size(GuestKind::Lxc, container), Ok((8 << 30) + (1 << 40)));
        let disk_of_the_host =
            r#"{"rootfs":"/srv/ct-7,size=8G","mp0":"/dev/sdb1,mp=/srv,size=100G","mp1":"/srv/dev/x,mp=/x"}"#;
        assert_eq!(size(GuestKind::Lxc, disk_of_the_host), Ok(108 << 30));
        assert_eq!(size(GuestKind::Qemu, "{}"), Ok(0));
    }

    #[test]
    fn a_disk_without_a_size_is_named_and_one_with_a_strange_size_makes_the_sum_unknown() {
        for disk in ["local-lvm:vm-7-disk-0,size=lots", "x,size=9E", "x,size="] {
            let error = size(GuestKind::Qemu, &format!(r#"{{"scsi0":"x,size=1G","scsi1":"{disk}"}}"#));
            assert!(error.as_ref().is_err_and(|error| error.contains("scsi1")), "{disk}: {error:?}");
        }
        let guest = Guest { kind: GuestKind::Qemu, vmid: 7, row: Default::default(), trouble: None };
        let config = r#"{"scsi0":"local-zfs:vm-7-disk-0,size=32G","sata0":"local:100/vm-7-disk-1.qcow2"}"#;
        let known = provisioned(&guest, &serde_json::from_str(config).expect("a configuration"));
        let known = known.expect("one has a size");
        assert_eq!((known.size.get(), known.without_size), (32 << 30, vec!["sata0".to_string()]));
        let error = size(GuestKind::Qemu, r#"{"sata0":"local:100/vm-7-disk-1.qcow2"}"#);
        assert!(error.as_ref().is_err_and(|error| error.contains("sata0")), "{error:?}");
        assert_eq!(size_bytes("1.5G"), Some(3 << 29));
        assert_eq!(size_bytes("4096"), Some(4096));
    }
}
