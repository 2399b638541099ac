//! Values that always carry their unit: times, sizes and rates.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// A length of time with its unit: `"30s"`, `"15m"`, `"26h"`, `"100d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a time with its unit in quotes, like \"15m\""))?;
        humantime::parse_duration(&text).map(Period).map_err(|_| {
            de::Error::custom(format!(
                "{text:?} is not a time; write a number and its unit, like \"30s\", \
                 \"15m\", \"26h\", \"100d\""
            ))
        })
    }
}

/// An amount of bytes with its unit: `B kB MB GB TB PB` (10^3) or `KiB MiB GiB TiB PiB` (2^10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 11] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

impl std::str::FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Size, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit = text[digits..].trim();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        let size =
            text[..digits].parse::<u64>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(*factor));
        size.filter(|size| i64::try_from(*size).is_ok()).map(Size).ok_or_else(|| {
            format!(
                "{text:?} is not a size; write a whole number and its unit: B, kB, MB, GB, TB, PB \
                 (10^3) or KiB, MiB, GiB, TiB, PiB (2^10)"
            )
        })
    }
}

/// Bytes in a second, written as a size and `/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

impl std::str::FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Rate, String> {
        let size = text.strip_suffix("/s").and_then(|size| size.trim().parse::<Size>().ok());
        let rate = size.filter(|size| size.0 > 0).map(|size| Rate(size.0));
        rate.ok_or_else(|| format!("{text:?} is not a rate; write a size in a second, like \"10 GB/s\""))
    }
}

/// A [`Rate`] that nothing may exceed, or `"none"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxRate {
    /// Anything may be.
    None,
    /// No more than this.
    Rate(Rate),
}

impl MaxRate {
    /// Bytes in a second.
    pub fn bytes(self) -> Option<u64> {
        match self {
            MaxRate::None => None,
            MaxRate::Rate(rate) => Some(rate.0),
        }
    }
}

impl<'de> Deserialize<'de> for MaxRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MaxRate, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected \"none\" or a rate in quotes, like \"10 GB/s\""))?;
        match text.as_str() {
            "none" => Ok(MaxRate::None),
            rate => rate.parse().map(MaxRate::Rate).map_err(de::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a rate in quotes, like \"10 GB/s\""))?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a size with its unit in quotes, like \"100 GiB\""))?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_say_which_base() {
        assert_eq!("100 GiB".parse(), Ok(Size(100 << 30)));
        assert_eq!("100GB".parse(), Ok(Size(100_000_000_000)));
        for wrong in ["100", "100 G", "1.5 GB", "-1 GB", "9999999 PB", "100 gb"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
