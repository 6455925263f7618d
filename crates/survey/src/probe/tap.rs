//! A connection that remembers how the other side began to talk, and that ends when it has said too much.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that one connection may send us, framing of TLS included: three answers as long as they may be.
const BYTES_MAX: u64 = 3 * (320 << 10) + (64 << 10);

pub(super) struct Tap {
    inner: TcpStream,
    /// The first byte that came.
    pub(super) first: Option<u8>,
    left: u64,
}

impl Tap {
    pub(super) fn new(inner: TcpStream) -> Self {
        Self { inner, first: None, left: BYTES_MAX }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("it said too much")));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let came = &buffer.filled()[before..];
        if self.first.is_none() {
            self.first = came.first().copied();
        }
        self.left = self.left.saturating_sub(came.len() as u64);
        polled
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
