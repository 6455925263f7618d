//! Bodies: as long as they say, in chunks, or until the connection ends; never more than is read.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::{Answer, BODY_BYTES_MAX, Head};

/// Bytes of a line that gives the length of a chunk, and of a trailer.
const LINE_BYTES_MAX: usize = 4 << 10;
/// Lines behind the last chunk.
const TRAILERS_MAX: u32 = 64;

/// A body in the making.
#[derive(Debug)]
pub(super) struct Body {
    framing: Framing,
    bytes: Vec<u8>,
    cut: bool,
    /// Bytes came behind the end.
    surplus: bool,
}

#[derive(Debug)]
enum Framing {
    /// So many bytes to come.
    Length(u64),
    /// Until the connection ends.
    Close,
    Chunked(Chunk),
    Done,
    /// Done, and the connection is of no more use.
    Broken,
}

#[derive(Debug)]
enum Chunk {
    Size(Vec<u8>),
    Data(u64),
    /// The line break behind the data.
    End,
    /// Line so far, lines before.
    Trailer(usize, u32),
}

impl Body {
    /// What a head announces.
    pub(super) fn of(head: &Head, is_cut: bool) -> Self {
        let framing = if is_cut {
            Framing::Broken
        } else if matches!(head.status, 101 | 204 | 304) {
            Framing::Done
        } else if head.lists("Transfer-Encoding", "chunked") {
            Framing::Chunked(Chunk::Size(Vec::new()))
        } else {
            match lengths(head).as_slice() {
                [] => Framing::Close,
                [Some(0)] => Framing::Done,
                [Some(length)] => Framing::Length(*length),
                // Whoever says two lengths knows neither.
                _ => Framing::Close,
            }
        };
        let announced = if let Framing::Length(length) = framing { length } else { 0 };
        let room = usize::try_from(announced).unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX);
        Self { framing, bytes: Vec::with_capacity(room), cut: is_cut || head.cut, surplus: false }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.framing, Framing::Done | Framing::Broken)
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            rest = match &mut self.framing {
                Framing::Done | Framing::Broken => {
                    self.surplus = true;
                    return;
                }
                Framing::Length(left) => {
                    let (taken, behind) = split(rest, *left);
                    *left -= taken.len() as u64;
                    if *left == 0 {
                        self.framing = Framing::Done;
                    }
                    self.keep(taken);
                    behind
                }
                Framing::Close => {
                    self.keep(rest);
                    &[]
                }
                Framing::Chunked(_) => self.feed_chunk(rest),
            };
        }
    }

    fn feed_chunk<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let Framing::Chunked(chunk) = &mut self.framing else { return rest };
        match chunk {
            Chunk::Size(line) => {
                let (taken, behind, is_whole) = line_of(rest);
                line.extend_from_slice(&taken[..taken.len().min(LINE_BYTES_MAX)]);
                match size_of(line) {
                    _ if line.len() > LINE_BYTES_MAX => self.break_off(),
                    _ if !is_whole => {}
                    None => self.break_off(),
                    Some(0) => *chunk = Chunk::Trailer(0, 0),
                    Some(size) => *chunk = Chunk::Data(size),
                }
                behind
            }
            Chunk::Data(left) => {
                let (taken, behind) = split(rest, *left);
                *left -= taken.len() as u64;
                if *left == 0 {
                    *chunk = Chunk::End;
                }
                self.keep(taken);
                behind
            }
            Chunk::End => {
                match rest[0] {
                    b'\r' => {}
                    b'\n' => *chunk = Chunk::Size(Vec::new()),
                    _ => self.break_off(),
                }
                &rest[1..]
            }
            Chunk::Trailer(length, lines) => {
                let (taken, behind, is_whole) = line_of(rest);
                *length += taken.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).count();
                match (is_whole, *length, *lines) {
                    (true, 0, _) => self.framing = Framing::Done,
                    (_, LINE_BYTES_MAX.., _) | (true, _, TRAILERS_MAX) => self.break_off(),
                    (true, _, lines) => *chunk = Chunk::Trailer(0, lines + 1),
                    (false, ..) => {}
                }
                behind
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = BODY_BYTES_MAX - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            self.break_off();
        }
    }

    fn break_off(&mut self) {
        self.framing = Framing::Broken;
        self.cut = true;
    }

    /// Nothing more will come.
    pub(super) fn finish(self, head: Head) -> Answer {
        let unfinished = matches!(self.framing, Framing::Length(_) | Framing::Chunked(_));
        let stays =
            if head.is_1_0 { head.lists("Connection", "keep-alive") } else { !head.lists("Connection", "close") };
        let reusable = matches!(self.framing, Framing::Done) && !self.surplus && stays && head.status != 101;
        let (body, swollen) = inflated(&head, self.bytes);
        Answer { head, body, cut: self.cut || unfinished || swollen, reusable }
    }
}

/// The different lengths that a head names; `None` for what is no number.
fn lengths(head: &Head) -> Vec<Option<u64>> {
    let mut lengths: Vec<Option<u64>> = Vec::new();
    for length in head.values("Content-Length").flat_map(|value| value.split(',')) {
        let length = length.trim();
        let length = if length.bytes().all(|byte| byte.is_ascii_digit()) { length.parse().ok() } else { None };
        if !lengths.contains(&length) {
            lengths.push(length);
        }
    }
    lengths
}

fn split(bytes: &[u8], at: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len()))
}

/// Up to and with the end of the line; the rest; whether there was an end.
fn line_of(bytes: &[u8]) -> (&[u8], &[u8], bool) {
    match memchr::memchr(b'\n', bytes) {
        Some(at) => (&bytes[..=at], &bytes[at + 1..], true),
        None => (bytes, &[], false),
    }
}

/// Of a line such as `1a;extension`.
fn size_of(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Compression was not asked for. What comes compressed all the same is inflated as far as bodies are read.
fn inflated(head: &Head, bytes: Vec<u8>) -> (Vec<u8>, bool) {
    let is = |word| head.lists("Content-Encoding", word);
    let reader: Box<dyn Read + '_> = if is("gzip") || is("x-gzip") {
        Box::new(MultiGzDecoder::new(bytes.as_slice()))
    } else if is("deflate") && bytes.first().is_some_and(|first| first & 0x0f == 8) {
        Box::new(ZlibDecoder::new(bytes.as_slice()))
    } else if is("deflate") {
        Box::new(DeflateDecoder::new(bytes.as_slice()))
    } else {
        return (bytes, false);
    };
    let mut body = Vec::new();
    // What could be inflated before an error is kept: a cut body has one.
    let is_whole = reader.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut body).is_ok();
    let swollen = body.len() > BODY_BYTES_MAX;
    body.truncate(BODY_BYTES_MAX);
    (body, swollen || !is_whole)
}
