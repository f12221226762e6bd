//! Boxes and the fields in them. Reading past an end gives `None`, nothing else.

/// A box: its name, and what is in it.
pub(super) type NamedBox<'a> = ([u8; 4], &'a [u8]);

/// The boxes that lie one after the other in a body; ends at the first one that is not whole.
pub(super) struct Boxes<'a> {
    rest: &'a [u8],
}

pub(super) fn boxes(body: &[u8]) -> Boxes<'_> {
    Boxes { rest: body }
}

/// The first box of that name, without its header.
pub(super) fn child(body: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    boxes(body).find(|(kind, _)| *kind == name).map(|(_, inner)| inner)
}

impl<'a> Iterator for Boxes<'a> {
    type Item = NamedBox<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = Fields(self.rest);
        let short = fields.u32()?;
        let kind = fields.array()?;
        let (header, size) = match short {
            0 => (8, self.rest.len()),
            1 => (16, usize::try_from(fields.u64()?).ok()?),
            size => (8, usize::try_from(size).ok()?),
        };
        let inner = self.rest.get(header..size)?;
        self.rest = &self.rest[size..];
        Some((kind, inner))
    }
}

/// Big-endian fields, read from the front.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A 32-bit field, or a 64-bit one in version 1 of the box.
    pub(super) fn by_version(&mut self, version: u8) -> Option<u64> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }

    /// The version of a full box; its flags are passed over.
    pub(super) fn version(&mut self) -> Option<u8> {
        let [version, _, _, _] = self.array()?;
        Some(version)
    }

    /// A count, and as many entries of `width` bytes as it says; `None` if they are not all there.
    pub(super) fn entries(
        &mut self,
        width: usize,
    ) -> Option<impl Iterator<Item = Fields<'a>> + use<'a>> {
        let count = usize::try_from(self.u32()?).ok()?;
        let table = self.take(count.checked_mul(width)?)?;
        Some(table.chunks_exact(width).map(Fields))
    }
}
