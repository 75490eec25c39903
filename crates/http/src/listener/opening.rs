//! A connection's byte stream with three rules of its own: it keeps its place among the listener's
//! connections until it is dropped, upgrades included; its first bytes, from which the HTTP version is read,
//! must come in time (the HTTP/1.1 header timeout starts only once the version is known); and an HTTP/2
//! connection without requests ends after a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::Limits;
use super::activity::Activity;

pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// How an HTTP/2 connection starts (RFC 9113 section 3.4); anything else is HTTP/1.1.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) struct Opening {
    transport: Box<dyn Transport>,
    waiting: Waiting,
    matched: usize,
    activity: Activity,
    idle_timeout: Duration,
    _permit: OwnedSemaphorePermit,
}

/// What the other side may be silent for.
enum Waiting {
    /// Its first bytes.
    ForVersion(Pin<Box<Sleep>>),
    /// Its next request, over HTTP/2.
    ForRequests(Pin<Box<Sleep>>),
    /// HTTP/1.1 has timeouts of its own.
    Never,
}

impl Opening {
    pub(super) fn new(
        transport: Box<dyn Transport>,
        limits: &Limits,
        activity: Activity,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let waiting = Waiting::ForVersion(Box::pin(tokio::time::sleep(limits.header_timeout)));
        let idle_timeout = limits.http2_idle_timeout;
        Self { transport, waiting, matched: 0, activity, idle_timeout, _permit: permit }
    }

    fn heard(&mut self, bytes: &[u8]) {
        let expected = &PREFACE[self.matched..];
        let known = bytes.len().min(expected.len());
        self.matched += known;
        if bytes[..known] != expected[..known] {
            self.waiting = Waiting::Never;
        } else if self.matched == PREFACE.len() {
            self.waiting = Waiting::ForRequests(Box::pin(tokio::time::sleep(self.idle_timeout)));
        }
    }

    /// Ready when the other side has been silent, or busy with nothing, for too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.waiting {
            Waiting::ForVersion(deadline) => deadline.as_mut().poll(context),
            Waiting::ForRequests(deadline) => loop {
                ready!(deadline.as_mut().poll(context));
                let left = self.idle_timeout.saturating_sub(self.activity.idle());
                if left.is_zero() {
                    return Poll::Ready(());
                }
                deadline.as_mut().reset(Instant::now() + left);
            },
            Waiting::Never => Poll::Pending,
        }
    }
}

impl AsyncRead for Opening {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let opening = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut opening.transport).poll_read(context, buffer);
        if let (Poll::Ready(Ok(())), Waiting::ForVersion(_)) = (&read, &opening.waiting) {
            opening.heard(&buffer.filled()[before..]);
        }
        match read {
            Poll::Pending if opening.poll_patience(context).is_ready() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Opening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }
}
