//! How figures are written: megabytes with few decimals, limits, shares of what is stored.

use super::world::MEGABYTE;

/// Bytes in megabytes with at most so many decimals and at least one, but `0` for nothing.
pub fn megabytes(bytes: u64, decimals: u32) -> String {
    let places = 10_u128.pow(decimals);
    let rounded = (u128::from(bytes) * places * 2 + u128::from(MEGABYTE)) / (u128::from(MEGABYTE) * 2);
    let text = format!("{}.{:0width$}", rounded / places, rounded % places, width = decimals as usize);
    match rounded {
        0 => "0".to_owned(),
        _ => {
            let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
            let part = part.trim_end_matches('0');
            format!("{whole}.{}", if part.is_empty() { "0" } else { part })
        }
    }
}

/// What a user stores, by where it lies. The three are all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// In databases.
    pub databases: u64,
    /// In mail boxes.
    pub mail: u64,
    /// Anywhere else.
    pub other: u64,
}

/// The shares of so many bytes.
pub fn shares(bytes: u64) -> Shares {
    let (databases, mail) = (bytes / 20, bytes / 5 * 2);
    Shares { databases, mail, other: bytes - databases - mail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn megabytes_are_rounded_to_their_places() {
        let written = [(735_051_776, 1), (766_554_931, 2), (766_554_931, 4), (0, 2), (100, 2), (52_429, 1)];
        let written = written.map(|(bytes, decimals)| megabytes(bytes, decimals));
        assert_eq!(written, ["701.0", "731.04", "731.0437", "0", "0", "0.1"]);
    }
}
