//! A piece of the page: the lines of one family for one group of accounts, plain and gzipped.

use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The finished lines of some accounts. A scrape holds on to it by its `Arc`; a writer who changes one
/// that a scrape holds changes a copy.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    text: Vec<u8>,
    /// The text as one gzip member, made when first asked for. Gzip bodies may be joined.
    packed: OnceLock<Bytes>,
}

impl Chunk {
    /// A piece with this text.
    pub fn new(text: Vec<u8>) -> Arc<Chunk> {
        Arc::new(Chunk { text, packed: OnceLock::new() })
    }

    /// Its lines.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Puts other lines in the place of those at `at`.
    pub fn patch(&mut self, at: Range<usize>, lines: &[u8]) {
        self.packed = OnceLock::new();
        if lines.len() == at.len() {
            self.text[at].copy_from_slice(lines);
            return;
        }
        if let Some(growth) = lines.len().checked_sub(at.len()) {
            // A Vec that grows by itself doubles; a page must not.
            self.text.reserve_exact(growth.max(64));
        }
        self.text.splice(at, lines.iter().copied());
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
        Chunk { text: self.text.clone(), packed: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_keeps_the_text_it_took() {
        let mut chunk = Chunk::new(b"a 1\nb 2\n".to_vec());
        let (before, packed) = (chunk.plain(), chunk.packed().clone());
        Arc::make_mut(&mut chunk).patch(0..4, b"a 3\n");
        Arc::make_mut(&mut chunk).patch(4..8, b"b 20\n");
        assert_eq!(&before[..], b"a 1\nb 2\n");
        assert_eq!(&chunk.plain()[..], b"a 3\nb 20\n");
        assert!(!chunk.is_packed());
        assert_ne!(chunk.packed(), &packed);
    }

    #[test]
    fn a_piece_that_grows_does_not_double() {
        let mut chunk = Chunk { text: vec![b'x'; 10_000], ..Chunk::default() };
        (0..100).for_each(|_| chunk.patch(0..1, b"xx"));
        assert_eq!(chunk.text.len(), 10_100);
        assert!(chunk.text.capacity() < 10_300, "{}", chunk.text.capacity());
    }
}
