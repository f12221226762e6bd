//! Boxes of ISO/IEC 14496-12 section 4.2: written into one buffer, read without copying.
//!
//! ```text
//! box:      size u32 | type 4 bytes | [largesize u64 if size = 1] | body
//! full box: box header | version u8 | flags u24 | body
//! ```
//! What does not belong here: what any one box means.

/// Bytes of `size` and `type`.
pub(crate) const HEADER: usize = 8;

/// Boxes under construction.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_bytes(self) -> bytes::Bytes {
        self.bytes.into()
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// A box; its size is filled in when the body is there.
    pub(crate) fn boxed(&mut self, kind: [u8; 4], body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        self.bytes(&kind);
        body(self);
        let size =
            u32::try_from(self.bytes.len() - start).expect("boxes with payload are not built here");
        self.bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
    }

    /// A box with version and flags; only the lower 24 bits of `flags` count.
    pub(crate) fn full(
        &mut self,
        kind: [u8; 4],
        version: u8,
        flags: u32,
        body: impl FnOnce(&mut Self),
    ) {
        self.boxed(kind, |w| {
            w.u32((u32::from(version) << 24) | (flags & 0x00ff_ffff));
            body(w);
        });
    }
}

/// What stands before the body of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoxHeader {
    pub(crate) kind: [u8; 4],
    /// Bytes of this header: 8, or 16 with a largesize.
    pub(crate) header: usize,
    /// Bytes of header and body. Never less than `header`.
    pub(crate) size: u64,
}

impl BoxHeader {
    /// The header at the beginning of `bytes`; none if it is not whole, or no size that a box can have.
    /// A size of 0 ("until the end of the file") is never written by us: it is what a hole in a file reads as.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let size = reader.u32()?;
        let kind = reader.array()?;
        let (header, size) =
            if size == 1 { (16, reader.u64()?) } else { (HEADER, u64::from(size)) };
        (size >= u64::try_from(header).ok()?).then_some(Self { kind, header, size })
    }
}

/// Reads big-endian numbers; nothing is ever read beyond the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// Version and flags of a full box.
    pub(crate) fn version_and_flags(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some((word.to_be_bytes()[0], word & 0x00ff_ffff))
    }
}

/// The boxes in a body, each with its own body; ends at the first that is not whole.
pub(crate) fn children(body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let header = BoxHeader::read(rest)?;
        let (whole, after) = rest.split_at_checked(usize::try_from(header.size).ok()?)?;
        rest = after;
        Some((header.kind, &whole[header.header..]))
    })
}

/// The body of the first child of that type.
pub(crate) fn child(body: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    children(body).find(|(k, _)| *k == kind).map(|(_, body)| body)
}

/// The body at the end of a path of types.
pub(crate) fn descend<'a>(body: &'a [u8], path: &[[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(body, |body, kind| child(body, *kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut w = Writer::default();
        w.boxed(*b"moov", |w| {
            w.full(*b"mvhd", 1, 7, |w| w.u64(42));
            w.boxed(*b"trak", |w| w.boxed(*b"mdia", |w| w.u16(9)));
        });
        let bytes = w.into_bytes();
        let mut mvhd = Reader::new(descend(&bytes, &[*b"moov", *b"mvhd"]).unwrap());
        assert_eq!(mvhd.version_and_flags(), Some((1, 7)), "version and flags share a word");
        assert_eq!(mvhd.u64(), Some(42));
        assert_eq!(descend(&bytes, &[*b"moov", *b"trak", *b"mdia"]), Some([0, 9].as_slice()));
        assert_eq!(
            children(&bytes[..bytes.len() - 1]).count(),
            0,
            "a box that is cut short is no box"
        );
    }

    #[test]
    fn a_size_smaller_than_its_header_is_no_box() {
        for size in [0_u8, 2, 7] {
            assert_eq!(
                BoxHeader::read(&[0, 0, 0, size, b'm', b'o', b'o', b'f']),
                None,
                "size {size} would loop"
            );
        }
        let large = [0, 0, 0, 1, b'm', b'd', b'a', b't', 0, 0, 0, 0, 0, 0, 0, 15];
        assert_eq!(BoxHeader::read(&large), None, "a largesize under 16 would loop");
    }
}
