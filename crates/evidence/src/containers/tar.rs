//! Tar archives: POSIX ustar and pax, and the long names of GNU, header by header.

use std::io::{self, Read, Seek, SeekFrom};

use model::file::Outcome;

use super::Seekable;
use crate::budgets::Budgets;
use crate::ended::outcome_of;

const BLOCK: usize = 512;
/// Long names and pax headers past this are not read.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// One member.
pub(crate) struct Listed {
    pub(crate) name: Vec<u8>,
    pub(crate) data: u64,
    pub(crate) size: u64,
    pub(crate) what: What,
}

/// What a member is.
pub(crate) enum What {
    File,
    Folder,
    /// A link or device.
    Special,
    /// Only the parts of it that are not empty are there.
    Sparse,
}

/// Does an archive begin with this?
pub(crate) fn is_tar(head: &[u8]) -> bool {
    head.get(..BLOCK).is_some_and(|block| is_header(block) && block.first() != Some(&0))
}

/// The checksum counts itself as spaces.
fn is_header(block: &[u8]) -> bool {
    let sum: u64 =
        block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum();
    number(block.get(148..156).unwrap_or_default()) == Some(sum) && sum > 256
}

/// Octal digits, or bits with the highest set.
fn number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let high = u64::from(first & 0x7F);
        return rest.iter().try_fold(high, |value, byte| value.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = field.iter().skip_while(|byte| **byte == b' ').take_while(|byte| !matches!(byte, 0 | b' '));
    let mut any = false;
    let value = digits.clone().try_fold(0_u64, |value, byte| {
        any = true;
        matches!(byte, b'0'..=b'7').then(|| value.checked_mul(8)?.checked_add(u64::from(byte - b'0')))?
    })?;
    any.then_some(value)
}

/// What extension headers say of the next member.
#[derive(Default)]
struct Said {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

/// Goes through an archive.
pub(crate) struct Walk<'r, 'a> {
    reader: &'r mut Seekable<'a>,
    at: u64,
    /// Headers of extensions between two members are bounded with them.
    headers: u64,
    headers_max: u64,
    globally: Said,
}

impl<'r, 'a> Walk<'r, 'a> {
    pub(crate) fn new(reader: &'r mut Seekable<'a>, budgets: &Budgets) -> Self {
        let headers_max = budgets.members.saturating_mul(4);
        Self { reader, at: 0, headers: 0, headers_max, globally: Said::default() }
    }

    /// The archive, for looking into the member that was just found.
    pub(crate) fn reader(&mut self) -> &mut Seekable<'a> {
        self.reader
    }

    /// The next member; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Listed>, Outcome> {
        let mut said = Said::default();
        loop {
            let mut block = [0; BLOCK];
            self.reader.seek(SeekFrom::Start(self.at)).map_err(|error| outcome_of(&error))?;
            match read_block(self.reader, &mut block).map_err(|error| outcome_of(&error))? {
                0 => return Ok(None),
                BLOCK => {}
                _ => return Err(self.broken("it breaks off")),
            }
            if block == [0; BLOCK] {
                return Ok(None);
            }
            self.headers += 1;
            if self.headers > self.headers_max {
                return Err(Outcome::LimitReached("it has more headers than members may have".into()));
            }
            if !is_header(&block) {
                return Err(self.broken("its header is damaged"));
            }
            let data = self.at + BLOCK as u64;
            let own =
                number(block.get(124..136).unwrap_or_default()).ok_or_else(|| self.broken("its size is no number"))?;
            let kind = block.get(156).copied().unwrap_or_default();
            let is_extension = matches!(kind, b'L' | b'K' | b'x' | b'X' | b'g');
            // Links and folders have no data, whatever size they state.
            let has_data = !matches!(kind, b'1'..=b'6');
            let size = if is_extension { own } else { said.size.or(self.globally.size).unwrap_or(own) };
            let blocks = if has_data { size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64) } else { 0 };
            self.at = data.saturating_add(blocks);
            if is_extension {
                self.extend(kind, size, &mut said)?;
                continue;
            }
            let is_sparse = kind == b'S' || said.is_sparse;
            let name = said.name.or_else(|| self.globally.name.clone()).unwrap_or_else(|| own_name(&block));
            let what = match kind {
                _ if is_sparse => What::Sparse,
                b'0' | b'7' | 0 if name.ends_with(b"/") && size == 0 => What::Folder,
                b'0' | b'7' | 0 => What::File,
                b'5' => What::Folder,
                _ => What::Special,
            };
            let size = if matches!(what, What::File) { size } else { 0 };
            return Ok(Some(Listed { name, data, size, what }));
        }
    }

    fn extend(&mut self, kind: u8, size: u64, said: &mut Said) -> Result<(), Outcome> {
        if size > EXTENSION_BYTES_MAX {
            return Err(Outcome::LimitReached(format!("a header is longer than {EXTENSION_BYTES_MAX} bytes")));
        }
        let mut bytes = Vec::new();
        self.reader.take(size).read_to_end(&mut bytes).map_err(|error| outcome_of(&error))?;
        match kind {
            b'L' => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                bytes.truncate(end);
                said.name = Some(bytes);
            }
            b'x' | b'X' => pax(&bytes, said),
            b'g' => pax(&bytes, &mut self.globally),
            _ => {}
        }
        Ok(())
    }

    fn broken(&self, why: &str) -> Outcome {
        Outcome::Unreadable(format!("at byte {} {why}; what follows is not read", self.at))
    }
}

/// As much of a block as there is.
fn read_block(reader: &mut Seekable<'_>, block: &mut [u8; BLOCK]) -> io::Result<usize> {
    let mut read = 0;
    while read < BLOCK {
        match reader.read(block.get_mut(read..).unwrap_or_default())? {
            0 => break,
            count => read += count,
        }
    }
    Ok(read)
}

/// The name in the header itself, with the prefix of ustar in front.
fn own_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let text = |from: usize, to: usize| {
        let field = block.get(from..to).unwrap_or_default();
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    };
    // GNU has other things where ustar has the prefix.
    let prefix = if block.get(257..263) == Some(b"ustar\0") { text(345, 500) } else { b"" };
    if prefix.is_empty() { text(0, 100).to_vec() } else { [prefix, b"/", text(0, 100)].concat() }
}

/// `LENGTH KEY=VALUE\n`, again and again.
fn pax(mut bytes: &[u8], said: &mut Said) {
    while let Some(space) = bytes.iter().take(20).position(|byte| *byte == b' ') {
        let length = bytes.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some(length) = length.filter(|length| *length > space + 1 && *length <= bytes.len()) else { return };
        let record = bytes.get(space + 1..length - 1).unwrap_or_default();
        let equals = record.iter().position(|byte| *byte == b'=').unwrap_or(record.len());
        let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
        match key {
            b"path" => said.name = Some(value.to_vec()),
            b"size" => said.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
            _ if key.starts_with(b"GNU.sparse.") => said.is_sparse = true,
            _ => {}
        }
        bytes = bytes.get(length..).unwrap_or_default();
    }
}
