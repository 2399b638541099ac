//! A piece of the page: the lines of one family for one group of accounts, plain and gzipped.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The finished lines of some accounts. A scrape holds on to it by its `Arc`; whoever changes one
/// that a scrape holds changes a copy.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    text: Vec<u8>,
    /// Where each account's lines end.
    ends: Vec<u32>,
    /// The text as one gzip member, made when first asked for. Gzip bodies may be joined.
    packed: OnceLock<Bytes>,
}

impl Chunk {
    /// A piece of which `ends` says where each account's lines end.
    pub fn new(text: &[u8], ends: &[u32]) -> Chunk {
        Chunk { text: text.to_vec(), ends: ends.to_vec(), packed: OnceLock::new() }
    }

    /// A piece that is never patched.
    pub fn whole(text: Vec<u8>) -> Arc<Chunk> {
        Arc::new(Chunk { text, ..Chunk::default() })
    }

    /// Whether it has no lines.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it holds exactly these lines.
    pub fn equals(&self, text: &[u8], ends: &[u32]) -> bool {
        self.text == text && self.ends == ends
    }

    /// The lines of the account at `place`.
    pub fn lines(&self, place: usize) -> &[u8] {
        &self.text[self.start(place)..self.ends[place] as usize]
    }

    /// Puts other lines in the place of an account's.
    pub fn patch(&mut self, place: usize, lines: &[u8]) {
        self.packed = OnceLock::new();
        let (start, end) = (self.start(place), self.ends[place] as usize);
        if lines.len() == end - start {
            self.text[start..end].copy_from_slice(lines);
            return;
        }
        if let Some(growth) = lines.len().checked_sub(end - start) {
            // A Vec that grows by itself doubles; a page must not.
            self.text.reserve_exact(growth.max(64));
        }
        self.text.splice(start..end, lines.iter().copied());
        for mark in &mut self.ends[place..] {
            *mark = (*mark as usize - (end - start) + lines.len()) as u32;
        }
    }

    fn start(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Whether [`Chunk::packed`] costs nothing.
    pub fn is_packed(&self) -> bool {
        self.packed.get().is_some()
    }

    /// Its gzip member; packed now if it is not yet.
    pub fn packed(&self) -> &Bytes {
        self.packed.get_or_init(|| {
            // Level 1: a sixth of the size at a third of level 6's time, and the network is near.
            let mut encoder = GzEncoder::new(Vec::with_capacity(self.text.len() / 5), Compression::new(1));
            let written = encoder.write_all(&self.text).and_then(|()| encoder.finish());
            let mut member = written.unwrap_or_else(|_| unreachable!("a Vec takes every byte"));
            member.shrink_to_fit();
            Bytes::from(member)
        })
    }

    /// Its text, shared.
    pub fn plain(self: &Arc<Chunk>) -> Bytes {
        struct Text(Arc<Chunk>);
        impl AsRef<[u8]> for Text {
            fn as_ref(&self) -> &[u8] {
                &self.0.text
            }
        }
        Bytes::from_owner(Text(Arc::clone(self)))
    }
}

impl Clone for Chunk {
    /// A copy to be changed: it does not take the gzip member along.
    fn clone(&self) -> Chunk {
        Chunk::new(&self.text, &self.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_replaces_one_accounts_lines_whatever_their_length() {
        let mut chunk = Chunk::new(b"a 1\nb 2\nb 3\nc 4\n", &[4, 12, 12, 16]);
        assert_eq!(chunk.lines(1), b"b 2\nb 3\n");
        assert_eq!(chunk.lines(2), b"");
        chunk.patch(1, b"b 20\n");
        chunk.patch(2, b"bb 5\n");
        chunk.patch(0, b"");
        assert_eq!(chunk.text, b"b 20\nbb 5\nc 4\n");
        assert_eq!([chunk.lines(0), chunk.lines(1), chunk.lines(3)], [&b""[..], b"b 20\n", b"c 4\n"]);
    }

    #[test]
    fn a_scrape_keeps_the_text_it_took() {
        let mut chunk = Arc::new(Chunk::new(b"a 1\n", &[4]));
        let (before, packed) = (chunk.plain(), chunk.packed().clone());
        Arc::make_mut(&mut chunk).patch(0, b"a 2\n");
        assert_eq!(&before[..], b"a 1\n");
        assert_eq!(&chunk.plain()[..], b"a 2\n");
        assert!(!chunk.is_packed());
        assert_ne!(chunk.packed(), &packed);
    }
}
