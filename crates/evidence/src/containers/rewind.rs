//! Moving about in what is no file: a part of something, and a stream that can only be begun again.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};

use model::file::Outcome;

use super::{Bytes, Seekable, Work};
use crate::ended::ended;

/// So much of what was read last is kept: the list of members of a zip archive stands at its end.
const KEPT_BYTES: usize = 4 << 20;
/// What is skipped is read in pieces of this size.
const STEP_BYTES: usize = 64 * 1024;

/// A part of something that can be moved about in.
pub(crate) struct Window<'a> {
    inner: Seekable<'a>,
    start: u64,
    length: u64,
    at: u64,
}

impl<'a> Window<'a> {
    pub(crate) fn new(inner: Seekable<'a>, start: u64, length: u64) -> Self {
        Self { inner, start, length, at: 0 }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        self.inner.seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let count = self.inner.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = target(to, self.at, self.length)?;
        Ok(self.at)
    }
}

/// A stream that begins again when it is moved backwards, and remembers the last of it.
pub(crate) struct Rewinding<'a> {
    open: Box<dyn Fn() -> Result<Bytes<'a>, Outcome> + 'a>,
    stream: Option<Bytes<'a>>,
    /// What stands right before `read`.
    kept: VecDeque<u8>,
    /// So much of the stream has been read.
    read: u64,
    /// From here on the next bytes are wanted.
    at: u64,
    length: Option<u64>,
    work: Work,
}

impl<'a> Rewinding<'a> {
    pub(crate) fn new(open: impl Fn() -> Result<Bytes<'a>, Outcome> + 'a, work: Work) -> Self {
        let (open, kept) = (Box::new(open), VecDeque::new());
        Self { open, stream: None, kept, read: 0, at: 0, length: None, work }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.stream = Some((self.open)().map_err(ended)?);
        self.kept.clear();
        self.read = 0;
        Ok(())
    }

    /// Reads on, wherever that is, and keeps it.
    fn pull(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        let count = stream.read(buffer)?;
        self.work.spend(count as u64)?;
        if count == 0 && !buffer.is_empty() {
            self.length = Some(self.read);
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        let keep = bytes.get(count.saturating_sub(KEPT_BYTES)..).unwrap_or_default();
        let surplus = (self.kept.len() + keep.len()).saturating_sub(KEPT_BYTES);
        self.kept.drain(..surplus);
        self.kept.extend(keep);
        self.read += count as u64;
        Ok(count)
    }

    fn first_kept(&self) -> u64 {
        self.read - self.kept.len() as u64
    }

    /// Brings the stream to where the next bytes are wanted, or to its end.
    fn go(&mut self) -> io::Result<()> {
        if self.stream.is_none() || self.at < self.first_kept() {
            self.begin()?;
        }
        let mut step = vec![0; if self.read < self.at { STEP_BYTES } else { 0 }];
        while self.read < self.at {
            let left = usize::try_from(self.at - self.read).unwrap_or(usize::MAX).min(STEP_BYTES);
            if self.pull(step.get_mut(..left).unwrap_or_default())? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn find_length(&mut self) -> io::Result<u64> {
        if self.stream.is_none() {
            self.begin()?;
        }
        let mut step = vec![0; STEP_BYTES];
        while self.length.is_none() {
            self.pull(&mut step)?;
        }
        Ok(self.length.unwrap_or_default())
    }
}

impl Read for Rewinding<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.go()?;
        if self.at > self.read {
            return Ok(0);
        }
        let count = if self.at < self.read {
            let from = usize::try_from(self.at - self.first_kept()).unwrap_or_default();
            let (front, back) = self.kept.as_slices();
            let part = match front.get(from..) {
                Some(part) if !part.is_empty() => part,
                _ => back.get(from.saturating_sub(front.len())..).unwrap_or_default(),
            };
            let count = part.len().min(buffer.len());
            buffer.get_mut(..count).unwrap_or_default().copy_from_slice(part.get(..count).unwrap_or_default());
            count
        } else {
            self.pull(buffer)?
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Rewinding<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = match (to, self.length) {
            (SeekFrom::End(_), None) => self.find_length()?,
            (_, length) => length.unwrap_or_default(),
        };
        self.at = target(to, self.at, length)?;
        Ok(self.at)
    }
}

fn target(to: SeekFrom, at: u64, length: u64) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(target) => Some(target),
        SeekFrom::End(by) => length.checked_add_signed(by),
        SeekFrom::Current(by) => at.checked_add_signed(by),
    };
    target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read, Seek, SeekFrom};

    use super::super::Work;
    use super::{KEPT_BYTES, Rewinding, Window};

    #[test]
    fn a_stream_moves_about_like_a_file() {
        let bytes: Vec<u8> = (0..KEPT_BYTES as u32 / 2).flat_map(u32::to_le_bytes).collect();
        let mut stream = Rewinding::new(|| Ok(Box::new(&bytes[..])), Work::default());
        let mut file = Cursor::new(&bytes[..]);
        let end = bytes.len() as i64;
        let moves = [0, end - 7, 5, 1_000, end / 2 + 3, end / 2 - 9, end - 1, end, end + 9];
        for to in moves {
            for from in [SeekFrom::Start(to as u64), SeekFrom::End(to - end)] {
                assert_eq!(stream.seek(from).unwrap(), file.seek(from).unwrap());
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                (&mut stream).take(70_000).read_to_end(&mut ours).unwrap();
                (&mut file).take(70_000).read_to_end(&mut theirs).unwrap();
                assert!(ours == theirs, "{from:?}");
            }
        }
        assert!(stream.seek(SeekFrom::End(-end - 1)).is_err());
    }

    #[test]
    fn a_window_shows_its_part_alone() {
        let mut window = Window::new(Box::new(Cursor::new(b"abcdefgh")), 2, 4);
        let mut all = String::new();
        window.read_to_string(&mut all).unwrap();
        assert_eq!(all, "cdef");
        window.seek(SeekFrom::End(-1)).unwrap();
        window.read_to_string(&mut all).unwrap();
        assert_eq!(all, "cdeff");
    }

    #[test]
    fn beginning_again_and_again_has_an_end() {
        let bytes = vec![7; KEPT_BYTES * 2];
        let mut stream = Rewinding::new(|| Ok(Box::new(&bytes[..])), Work::of(bytes.len() as u64 * 3));
        let mut again = || {
            stream.seek(SeekFrom::End(-1))?;
            stream.seek(SeekFrom::Start(0))?;
            stream.seek(SeekFrom::Start(bytes.len() as u64 - 1))?;
            _ = stream.read(&mut [0])?;
            stream.seek(SeekFrom::Start(0))?;
            stream.read(&mut [0])
        };
        assert!(again().is_ok());
        assert!((0..4).any(|_| again().is_err()));
    }
}
