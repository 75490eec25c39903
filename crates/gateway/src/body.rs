//! A body on its way through: frame by frame, never collected, under a limit of size and of silence. Trailers
//! pass, except those that would be believed as headers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bindery_http::{EdgePolicy, identity_headers};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::hop_by_hop;

/// Why a body ends before its end.
#[derive(Debug)]
pub(crate) enum BodyFault {
    TooLong,
    Silent,
    Inner(axum::Error),
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the body is longer than configured"),
            Self::Silent => f.write_str("the body paused longer than configured"),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BodyFault {}

/// How far a request's body has come, for whoever waits for the response.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    last_millis: AtomicU64,
    too_long: AtomicBool,
    silent: AtomicBool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            last_millis: AtomicU64::new(0),
            too_long: AtomicBool::new(false),
            silent: AtomicBool::new(false),
        }
    }

    fn note(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }

    /// When the last frame of the body went on.
    pub(crate) fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last_millis.load(Ordering::Relaxed))
    }

    pub(crate) fn was_too_long(&self) -> bool {
        self.too_long.load(Ordering::Relaxed)
    }

    pub(crate) fn was_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }
}

/// A body that is passed on as it arrives.
pub(crate) struct Relayed {
    inner: Body,
    remaining: Option<u64>,
    idle: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    progress: Option<Arc<Progress>>,
    /// Whose identity headers no client may send, in its trailers either.
    edge: Option<EdgePolicy>,
}

impl Relayed {
    pub(crate) fn request(
        inner: Body,
        maximum: Option<u64>,
        idle: Option<Duration>,
        progress: Arc<Progress>,
        edge: EdgePolicy,
    ) -> Self {
        let (progress, edge) = (Some(progress), Some(edge));
        Self { inner, remaining: maximum, idle, timer: None, waiting: false, progress, edge }
    }

    pub(crate) fn response(inner: Body, idle: Option<Duration>) -> Self {
        Self { inner, remaining: None, idle, timer: None, waiting: false, progress: None, edge: None }
    }

    /// Nothing has come; the clock of silence runs.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<BodyFault> {
        let Some(idle) = self.idle else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        if !self.waiting {
            timer.as_mut().reset(Instant::now() + idle);
            self.waiting = true;
        }
        ready!(timer.as_mut().poll(context));
        if let Some(progress) = &self.progress {
            progress.silent.store(true, Ordering::Relaxed);
        }
        Poll::Ready(BodyFault::Silent)
    }

    fn admit(&mut self, mut frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyFault> {
        if let (Some(data), Some(remaining)) = (frame.data_ref(), self.remaining) {
            let Some(left) = remaining.checked_sub(data.len() as u64) else {
                if let Some(progress) = &self.progress {
                    progress.too_long.store(true, Ordering::Relaxed);
                }
                return Err(BodyFault::TooLong);
            };
            self.remaining = Some(left);
        }
        if let Some(trailers) = frame.trailers_mut() {
            hop_by_hop::strip_trailers(trailers);
            if let Some(edge) = &self.edge {
                identity_headers::strip_all(trailers, edge).report(None);
            }
        }
        Ok(frame)
    }
}

impl HttpBody for Relayed {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let relayed = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut relayed.inner).poll_frame(context) else {
            return relayed.poll_silence(context).map(|fault| Some(Err(fault)));
        };
        relayed.waiting = false;
        if let Some(progress) = &relayed.progress {
            progress.note();
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(relayed.admit(frame)),
            Some(Err(error)) => Some(Err(BodyFault::Inner(error))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
