//! What a connection is doing: how many requests have no answer yet, and since when there is none. A request
//! is over when the last byte of its answer is out, so that a long download is no idle connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

/// Shared by a connection's stream and its requests.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

struct State {
    running: usize,
    /// When the last request ended, or the connection began.
    ended: Instant,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { running: 0, ended: Instant::now() })))
    }

    pub(super) fn begin(&self) -> Running {
        self.change(|state| state.running += 1);
        Running(self.clone())
    }

    /// For how long nothing has run; zero while something runs.
    pub(super) fn idle(&self) -> Duration {
        self.change(|state| match state.running {
            0 => state.ended.elapsed(),
            _ => Duration::ZERO,
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request, until it is dropped.
pub(super) struct Running(Activity);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.running = state.running.saturating_sub(1);
            state.ended = Instant::now();
        });
    }
}

pin_project! {
    /// An answer in the making.
    pub(super) struct Answering<F> {
        #[pin]
        future: F,
        running: Option<Running>,
    }
}

impl<F> Answering<F> {
    pub(super) const fn new(future: F, running: Running) -> Self {
        Self { future, running: Some(running) }
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = Result<http::Response<Watched<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.future.poll(context));
        let running = this.running.take();
        Poll::Ready(answer.map(|response| response.map(|body| Watched { body, running })))
    }
}

pin_project! {
    /// The body of an answer; the request runs until it is dropped.
    pub(super) struct Watched<B> {
        #[pin]
        body: B,
        running: Option<Running>,
    }
}

impl<B: Body> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
