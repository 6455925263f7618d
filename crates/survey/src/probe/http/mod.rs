//! HTTP/1.1 as a stranger answers it: a reader that is fed bytes as they come and cannot fail, only end.
//!
//! Of our own because of what it keeps and refuses: headers in their order, as they were spelt and as often as they came;
//! named limits for all that can be long; no redirect, no second guess. It knows no sockets and no time, so that any bytes
//! can be tried on it. Source: RFC 9112.

mod body;
mod head;
mod request;

pub use head::Head;
pub use request::get;

use body::Body;

/// Bytes of status line and headers, of one answer.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a body that are read, also after inflating.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// Headers of one answer.
pub const HEADERS_MAX: usize = 256;
/// Interim answers (1xx) before the one that counts.
const INTERIM_MAX: u32 = 8;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status and headers.
    pub head: Head,
    /// Without framing, inflated if it came compressed.
    pub body: Vec<u8>,
    /// Something was longer than is read, or ended before its end.
    pub cut: bool,
    /// The connection can carry another request.
    pub reusable: bool,
}

/// What is read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not enough.
    More,
    /// [`Reader::finish`] has the whole answer, or all of it that is read.
    Done,
    /// This is not HTTP.
    NotHttp,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub struct Reader {
    state: State,
    interim: u32,
}

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Body(Head, Body),
    NotHttp,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Reader {
    /// Takes the next bytes. After [`Progress::Done`] and [`Progress::NotHttp`] more bytes change nothing but that the
    /// connection is not used again.
    pub fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut rest = self.take_head(bytes);
        loop {
            match &mut self.state {
                State::Body(_, body) => {
                    body.feed(&rest);
                    return if body.is_done() { Progress::Done } else { Progress::More };
                }
                State::NotHttp => return Progress::NotHttp,
                // Behind an interim answer.
                State::Head(_) if !rest.is_empty() => rest = self.take_head(&rest),
                State::Head(_) => return Progress::More,
            }
        }
    }

    /// What there is, when nothing more will come: the other side ended, or our patience. `None` where not even the headers
    /// were whole.
    #[must_use]
    pub fn finish(self) -> Option<Answer> {
        match self.state {
            State::Body(head, body) => Some(body.finish(head)),
            State::Head(_) | State::NotHttp => None,
        }
    }

    /// Whether anything came at all.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.interim == 0 && matches!(&self.state, State::Head(bytes) if bytes.is_empty())
    }

    /// Gathers the head and returns what lies behind it.
    fn take_head(&mut self, bytes: &[u8]) -> Vec<u8> {
        let State::Head(gathered) = &mut self.state else { return bytes.to_vec() };
        let searched = gathered.len().saturating_sub(3);
        let room = (HEAD_BYTES_MAX + 4).saturating_sub(gathered.len());
        let (taken, behind) = bytes.split_at(bytes.len().min(room));
        gathered.extend_from_slice(taken);
        if !head::may_begin(gathered) {
            self.state = State::NotHttp;
            return Vec::new();
        }
        let end = head::end(gathered, searched);
        let is_cut = end.is_none() && gathered.len() >= HEAD_BYTES_MAX;
        let Some(end) = end.or(is_cut.then_some(gathered.len())) else { return Vec::new() };
        let mut rest = gathered.split_off(end);
        rest.extend_from_slice(behind);
        self.state = match head::parse(gathered) {
            None => State::NotHttp,
            Some(head) if (100..200).contains(&head.status) && head.status != 101 && !is_cut => {
                self.interim += 1;
                if self.interim > INTERIM_MAX { State::NotHttp } else { State::default() }
            }
            Some(head) => {
                let body = Body::of(&head, is_cut);
                State::Body(head, body)
            }
        };
        rest
    }
}

#[cfg(test)]
mod tests;
