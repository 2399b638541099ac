//! What an account may use of a meter, as one source says it or as it is in force.

use super::Bytes;

/// What may be used. Not knowing it is not the same as there being no limit: the first decides nothing, the
/// second ends every crossing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// Not reported.
    #[default]
    Unknown,
    /// Anything.
    Unlimited,
    /// So many bytes; never zero, for [`Limit::of_size`] makes `Unlimited` of that.
    UpTo(Bytes),
}

impl Limit {
    /// Reads a size as it comes in at the doors (JSON, panels, config, database): zero is unlimited.
    pub fn of_size(size: Bytes) -> Limit {
        if size == Bytes::ZERO { Limit::Unlimited } else { Limit::UpTo(size) }
    }

    /// Reads a size that may be absent at a door: then it is unknown.
    pub fn of_door(size: Option<Bytes>) -> Limit {
        size.map_or(Limit::Unknown, Limit::of_size)
    }

    /// What goes out at the doors: nothing for unknown, zero for unlimited, else the bytes.
    pub fn to_door(self) -> Option<Bytes> {
        match self {
            Limit::Unknown => None,
            Limit::Unlimited => Some(Bytes::ZERO),
            Limit::UpTo(size) => Some(size),
        }
    }

    /// The bytes that may be used, where there is an end to them.
    pub fn up_to(self) -> Option<Bytes> {
        match self {
            Limit::UpTo(size) => Some(size),
            Limit::Unknown | Limit::Unlimited => None,
        }
    }

    /// Whether it is known.
    pub fn is_known(self) -> bool {
        self != Limit::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_unlimited_at_the_doors_and_nothing_is_unknown() {
        let size = |count| Some(Bytes::new(count).expect("valid"));
        for (door, limit) in [
            (None, Limit::Unknown),
            (size(0), Limit::Unlimited),
            (size(7), Limit::UpTo(size(7).expect("some"))),
        ] {
            assert_eq!(Limit::of_door(door), limit);
            assert_eq!(limit.to_door(), door);
        }
    }
}
