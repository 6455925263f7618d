//! One target: connect, shake hands, ask for the pages, read. One connection; what is left for another one is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use model::Utc;
use model::survey::{Banner, BannerProtocol, Observation, Outcome, Response, Scanner, Target};
use openssl::ssl::ErrorCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::http::{self, Answer, Progress, Reader};
use super::pages::{Pages, names_build};
use super::schedule::{Addressed, Ending};
use super::tap::Tap;
use super::tls::Tls;
use super::{Timeouts, certificate};
use crate::classify;

/// The port of plain HTTP; every other is asked in TLS.
const HTTP_PORT: u16 = 80;
const SMTP_PORT: u16 = 25;
/// Bytes of a greeting that are read.
const BANNER_BYTES_MAX: usize = 2 << 10;
/// Bytes that are read at once.
const READ_BYTES: usize = 4 << 10;

/// A target on its way: what is seen of it and what is left to do.
pub(super) struct Visit {
    pub(super) seen: Observation,
    pub(super) pages: Pages,
    pub(super) step: Step,
    /// A greeting of the mail service is asked for afterwards.
    pub(super) wants_banner: bool,
    /// A server ended the connection after an answer; the next page needs another one.
    pub(super) connections: u32,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Pages,
    Banner,
}

/// What all visits share.
pub(super) struct Manners {
    pub(super) tls: Tls,
    pub(super) user_agent: String,
    pub(super) timeouts: Timeouts,
}

/// Why a step ended early.
struct Fault(Outcome, String);

impl Addressed for Visit {
    fn address(&self) -> IpAddr {
        self.seen.target.address.expect("a visit goes to an address")
    }
}

impl Visit {
    pub(super) fn new(target: Target, pages: Pages, wants_banner: bool) -> Self {
        Self { seen: untouched(target), pages, step: Step::Pages, wants_banner, connections: 0 }
    }

    /// One connection, to its end or to the end of patience; what was seen until then stays seen.
    pub(super) async fn go(&mut self, manners: &Manners, at: Utc) -> Ending {
        if self.connections == 0 {
            self.seen.observed_at = at;
        }
        self.connections += 1;
        let before = (self.seen.responses.len(), self.seen.banners.len());
        let done = match self.step {
            Step::Pages => timeout(manners.timeouts.host, self.ask_pages(manners)).await,
            Step::Banner => timeout(manners.timeouts.host, self.ask_banner(manners)).await,
        };
        let fault = match done {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(fault),
            Err(_) => Some(Fault(Outcome::TimedOut, "all its time is over".to_owned())),
        };
        let got_on = before != (self.seen.responses.len(), self.seen.banners.len());
        let ending = self.ending(fault.as_ref(), got_on);
        if let (Step::Pages, Some(Fault(outcome, reason))) = (self.step, fault) {
            self.note(outcome, reason);
        }
        ending
    }

    /// Whether another connection is wanted, and for what.
    pub(super) fn goes_on(&mut self, ending: Ending) -> bool {
        if ending == Ending::AskedForPause || self.step == Step::Banner {
            return false;
        }
        let is_willing = self.seen.outcome == Outcome::Answered && self.seen.reason.is_none();
        if is_willing && self.pages.next().is_some() && self.connections < super::pages::PAGES_MAX {
            return true;
        }
        self.step = Step::Banner;
        self.wants_banner && !matches!(self.seen.outcome, Outcome::Unreachable | Outcome::TimedOut)
    }

    fn ending(&self, fault: Option<&Fault>, got_on: bool) -> Ending {
        let asks_for_pause = |response: &Response| matches!(response.status, 429 | 503);
        match fault {
            _ if self.seen.responses.iter().any(asks_for_pause) => Ending::AskedForPause,
            Some(Fault(Outcome::Closed | Outcome::Unreachable, _)) if !got_on => Ending::Trouble,
            // A connection that was let in and came to nothing; silence before that is an address where nobody lives.
            Some(Fault(Outcome::TimedOut, reason)) if !got_on && reason != NO_CONNECTION => Ending::Trouble,
            _ => Ending::Well,
        }
    }

    fn note(&mut self, outcome: Outcome, reason: String) {
        // What once answered has answered.
        if self.seen.responses.is_empty() {
            self.seen.outcome = outcome;
        }
        self.seen.reason.get_or_insert(reason);
    }

    async fn ask_pages(&mut self, manners: &Manners) -> Result<(), Fault> {
        let port = self.seen.target.port;
        let stream = connect(SocketAddr::new(self.address(), port), manners.timeouts.connect).await?;
        if port == HTTP_PORT {
            return self.talk(&mut Tap::new(stream), manners).await;
        }
        let ours = |error: openssl::error::ErrorStack| Fault(Outcome::Other, error.to_string());
        let session = manners.tls.session(self.seen.target.name.as_deref()).map_err(ours)?;
        let mut stream = SslStream::new(session, Tap::new(stream)).map_err(ours)?;
        let shaken = timeout(manners.timeouts.handshake, Pin::new(&mut stream).connect()).await;
        let shown = certificate::shown(stream.ssl());
        if self.seen.tls.is_none() || shown.as_ref().is_some_and(|shown| shown.certificate.is_some()) {
            self.seen.tls = shown;
        }
        match shaken {
            Ok(Ok(())) => self.talk(&mut stream, manners).await,
            Ok(Err(error)) => Err(refused(&error, stream.get_ref().first)),
            Err(_) => Err(Fault(Outcome::TimedOut, "the handshake took too long".to_owned())),
        }
    }

    /// Asks page after page for as long as the connection carries.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        manners: &Manners,
    ) -> Result<(), Fault> {
        let host = host_header(&self.seen.target);
        while let Some(path) = self.pages.next() {
            let request = http::get(path, &host, &manners.user_agent);
            let mut reader = Reader::default();
            let read = timeout(manners.timeouts.answer, exchange(stream, &request, &mut reader)).await;
            let was_silent = reader.is_untouched();
            let answer = reader.finish();
            let had_none = answer.is_none();
            let is_reusable = answer.map(|answer| self.take(path, answer));
            let fault = match read {
                Ok(Ok(Progress::NotHttp)) => Some(Fault(Outcome::NotHttp, "its answer is not HTTP".to_owned())),
                // A server that ended the connection after its last answer is asked again on another.
                Ok(_) if had_none && was_silent && !self.seen.responses.is_empty() => return Ok(()),
                Ok(Ok(_)) if had_none => Some(Fault(Outcome::Closed, "it ended before an answer".to_owned())),
                Ok(Err(error)) if had_none => Some(fault_of(&error)),
                Ok(_) => None,
                Err(_) => Some(Fault(Outcome::TimedOut, "an answer took too long".to_owned())),
            };
            if let Some(fault) = fault {
                return Err(fault);
            }
            if is_reusable != Some(true)
                || matches!(self.seen.responses.last(), Some(last) if matches!(last.status, 429 | 503))
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Keeps what tells something of an answer; whether its connection can carry on.
    fn take(&mut self, path: &'static str, answer: Answer) -> bool {
        self.pages.answered(answer.head.values("X-OWA-Version").any(names_build));
        if matches!(answer.head.status, 429 | 503) {
            let pause = answer.head.values("Retry-After").next().unwrap_or("no time named");
            self.seen.reason =
                Some(format!("asked for a pause: {} (Retry-After: {})", answer.head.status, cut(pause, 64)));
        }
        self.seen.outcome = Outcome::Answered;
        self.seen.responses.push(Response {
            path: path.to_owned(),
            status: answer.head.status,
            headers: answer.head.headers,
            excerpts: classify::excerpts(&answer.body),
            favicon: None,
            cut: answer.cut,
        });
        answer.reusable
    }

    /// Reads the greeting and takes leave.
    async fn ask_banner(&mut self, manners: &Manners) -> Result<(), Fault> {
        let mut stream = connect(SocketAddr::new(self.address(), SMTP_PORT), manners.timeouts.connect).await?;
        let mut bytes = Vec::new();
        let greeting = async {
            while bytes.len() < BANNER_BYTES_MAX && !bytes.contains(&b'\n') {
                let mut some = [0; 512];
                let count = stream.read(&mut some).await?;
                if count == 0 {
                    break;
                }
                bytes.extend_from_slice(&some[..count]);
            }
            stream.write_all(b"QUIT\r\n").await
        };
        let read = timeout(manners.timeouts.answer, greeting).await;
        let text = cut(String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default(), BANNER_BYTES_MAX);
        if !text.is_empty() {
            self.seen.banners.push(Banner { protocol: BannerProtocol::Smtp, port: SMTP_PORT, text });
        }
        match read {
            Ok(result) => result.map_err(|error| fault_of(&error)),
            Err(_) => Err(Fault(Outcome::TimedOut, "the greeting took too long".to_owned())),
        }
    }
}

/// An observation of which nothing is seen yet.
pub(super) fn untouched(target: Target) -> Observation {
    Observation::new(Utc(0), Scanner::Probe, target, Outcome::NotTried)
}

const NO_CONNECTION: &str = "no connection in time";

async fn connect(address: SocketAddr, patience: Duration) -> Result<TcpStream, Fault> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(|error| Fault(Outcome::NotTried, format!("no socket: {error}")))?;
    match timeout(patience, socket.connect(address)).await {
        Ok(connected) => connected.map_err(|error| fault_of(&error)),
        Err(_) => Err(Fault(Outcome::TimedOut, NO_CONNECTION.to_owned())),
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &str,
    reader: &mut Reader,
) -> io::Result<Progress> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    loop {
        let mut some = [0; READ_BYTES];
        let count = stream.read(&mut some).await?;
        if count == 0 {
            return Ok(Progress::More);
        }
        match reader.feed(&some[..count]) {
            Progress::More => {}
            ended => return Ok(ended),
        }
    }
}

/// A handshake that came to nothing, judged by what the other side first said: 22 begins a handshake, 21 an alert.
fn refused(error: &openssl::ssl::Error, first: Option<u8>) -> Fault {
    if let (ErrorCode::SYSCALL, Some(error)) = (error.code(), error.io_error()) {
        return fault_of(error);
    }
    let inner = error.ssl_error().and_then(|stack| stack.errors().first().and_then(openssl::error::Error::reason));
    let reason = inner.map_or_else(|| error.to_string(), str::to_owned);
    match first {
        None => Fault(Outcome::Closed, "it ended in the handshake".to_owned()),
        Some(21 | 22) => Fault(Outcome::TlsRefused, reason),
        Some(_) => Fault(Outcome::NotTls, reason),
    }
}

fn fault_of(error: &io::Error) -> Fault {
    use io::ErrorKind as Kind;
    let outcome = match error.kind() {
        Kind::ConnectionRefused => Outcome::Refused,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::PermissionDenied
        | Kind::AddrNotAvailable => Outcome::Unreachable,
        Kind::TimedOut => Outcome::TimedOut,
        _ => Outcome::Closed,
    };
    Fault(outcome, error.to_string())
}

/// As a browser writes it.
fn host_header(target: &Target) -> String {
    let host = match (&target.name, target.address) {
        (Some(name), _) => name.clone(),
        (None, Some(IpAddr::V6(v6))) => format!("[{v6}]"),
        (None, Some(IpAddr::V4(v4))) => v4.to_string(),
        (None, None) => String::new(),
    };
    if matches!(target.port, 80 | 443) { host } else { format!("{host}:{}", target.port) }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
