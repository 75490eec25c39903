//! A connection's byte stream with two rules of its own: it keeps its place among the listener's
//! connections until it is dropped, upgrades included; and its first bytes, from which the HTTP version is
//! read, must come in time. (The HTTP/1.1 header timeout starts only once the version is known.)

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// How an HTTP/2 connection starts (RFC 9113 section 3.4); anything else is HTTP/1.1.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) struct Opening {
    transport: Box<dyn Transport>,
    /// Gone once the version is known.
    deadline: Option<Pin<Box<Sleep>>>,
    matched: usize,
    _permit: OwnedSemaphorePermit,
}

impl Opening {
    pub(super) fn new(transport: Box<dyn Transport>, within: Duration, permit: OwnedSemaphorePermit) -> Self {
        let deadline = Some(Box::pin(tokio::time::sleep(within)));
        Self { transport, deadline, matched: 0, _permit: permit }
    }

    fn heard(&mut self, bytes: &[u8]) {
        let expected = &PREFACE[self.matched..];
        let known = bytes.len().min(expected.len());
        self.matched += known;
        if bytes[..known] != expected[..known] || self.matched == PREFACE.len() {
            self.deadline = None;
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
        let Some(deadline) = &mut opening.deadline else { return read };
        match read {
            Poll::Ready(Ok(())) => {
                opening.heard(&buffer.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Pending if deadline.as_mut().poll(context).is_ready() => {
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
