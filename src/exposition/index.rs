//! Finds an account in its group without looking at the names of its neighbours.
//!
//! Names lie all over the memory, and a plain binary search fetches nine of them for each account that
//! changed: more than all the rest of patching it. So eight bytes of each name are kept side by side.

use std::ops::Range;

use crate::domain::AccountName;

/// The first eight bytes of each name after those that all of them share.
#[derive(Debug, Default)]
pub(super) struct Index {
    shared: usize,
    keys: Vec<u64>,
}

impl Index {
    /// The index of `names`, which are sorted.
    pub fn new<'a>(names: impl Iterator<Item = &'a AccountName> + Clone) -> Index {
        let bytes = || names.clone().map(|name| name.as_str().as_bytes());
        let (first, last) = (bytes().next().unwrap_or_default(), bytes().last().unwrap_or_default());
        // What the first and the last of sorted names share, all of them do.
        let shared = first.iter().zip(last).take_while(|(one, other)| one == other).count();
        Index { shared, keys: bytes().map(|name| key(&name[shared..])).collect() }
    }

    /// The places where `name` is if it is there; `sample` is any of the names.
    pub fn places(&self, name: &AccountName, sample: &AccountName) -> Range<usize> {
        let (name, sample) = (name.as_str().as_bytes(), sample.as_str().as_bytes());
        if name.get(..self.shared) != sample.get(..self.shared) {
            return 0..0;
        }
        let key = key(&name[self.shared..]);
        let start = self.keys.partition_point(|other| *other < key);
        let equal = self.keys[start..].iter().take_while(|other| **other == key).count();
        start..start + equal
    }
}

/// Eight bytes as a number that sorts like them.
fn key(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_found_and_strangers_are_not() {
        let names = ["kunde-1", "kunde-10", "kunde-1000000001", "kunde-1000000002", "kunde-2", "kunde-é"]
            .map(|name| AccountName::new(name).expect("a name"));
        let index = Index::new(names.iter());
        for (place, name) in names.iter().enumerate() {
            assert!(index.places(name, &names[0]).contains(&place), "{name}");
        }
        for stranger in ["a", "kunde", "kunde-3", "zz"] {
            let stranger = AccountName::new(stranger).expect("a name");
            assert!(index.places(&stranger, &names[3]).is_empty(), "{stranger}");
        }
        let alone = Index::new(names[..1].iter());
        assert_eq!(alone.places(&names[0], &names[0]), 0..1);
        assert_eq!(Index::default().places(&names[0], &names[0]), 0..0);
    }
}
