//! Little-endian numbers out of a window of a chunk. Whatever lies outside is a flaw, never a panic.

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is not what the format says.
    Damaged,
    /// It is more than one record, or one chunk, may become.
    TooMuch,
}

pub type Result<T> = std::result::Result<T, Flaw>;

/// A place in a window.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'c> {
    window: &'c [u8],
    at: usize,
}

impl<'c> Cursor<'c> {
    /// Stands at `start` of `bytes` and ends at `end`; positions are those of `bytes`.
    pub fn new(bytes: &'c [u8], start: usize, end: usize) -> Self {
        Self { window: bytes.get(..end).unwrap_or(bytes), at: start }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.window.len()
    }

    pub fn take(&mut self, length: usize) -> Result<&'c [u8]> {
        let end = self.at.checked_add(length).ok_or(Flaw::Damaged)?;
        let taken = self.window.get(self.at..end).ok_or(Flaw::Damaged)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.window.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(Flaw::Damaged)?;
        self.at += N;
        Ok(*bytes)
    }

    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A position or length of the file.
    pub fn size(&mut self) -> Result<usize> {
        usize::try_from(self.u32()?).map_err(|_| Flaw::Damaged)
    }

    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
