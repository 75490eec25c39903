//! Connections that have left HTTP: WebSockets whose handshake the guard admitted. Bytes pass both ways until
//! one side ends, silence lasts too long, or the gateway shuts down; open tunnels are counted, so that a
//! graceful shutdown can wait for them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// All tunnels of a gateway. Every open tunnel holds a receiver.
#[derive(Debug)]
pub(crate) struct Tunnels {
    cut: watch::Sender<bool>,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self { cut: watch::Sender::new(false) }
    }
}

impl Tunnels {
    pub(crate) fn open_now(&self) -> usize {
        self.cut.receiver_count()
    }

    /// Waits until all tunnels have ended; cuts those that have not after `grace`.
    pub(crate) async fn shut_down(&self, grace: Duration) {
        if tokio::time::timeout(grace, self.cut.closed()).await.is_err() {
            tracing::warn!(event = "tunnels_cut", open = self.open_now());
        }
        self.cut.send_replace(true);
        self.cut.closed().await;
    }

    /// Joins the two connections once both have left HTTP.
    pub(crate) fn open(&self, client: OnUpgrade, application: OnUpgrade, ends: Ends) {
        let mut cut = self.cut.subscribe();
        tokio::spawn(async move {
            let Ends { idle, after } = ends;
            tokio::select! {
                outcome = join(client, application, idle) => match outcome {
                    Ok((sent, received)) => tracing::debug!(event = "tunnel_ended", sent, received),
                    Err(error) => tracing::debug!(event = "tunnel_broken", %error),
                },
                () = over(after) => tracing::debug!(event = "tunnel_outlived_its_token"),
                _ = cut.wait_for(|cut| *cut) => {}
            }
        });
    }
}

/// When a tunnel ends although neither side wants it to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// After this long without a byte.
    pub(crate) idle: Option<Duration>,
    /// After this long, whatever happens.
    pub(crate) after: Option<Duration>,
}

async fn over(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

async fn join(client: OnUpgrade, application: OnUpgrade, idle: Option<Duration>) -> io::Result<(u64, u64)> {
    let (client, application) = tokio::try_join!(client, application).map_err(io::Error::other)?;
    let heard = Arc::new(Heard { start: Instant::now(), millis: AtomicU64::new(0) });
    let mut client = Watched { inner: TokioIo::new(client), heard: Arc::clone(&heard) };
    let mut application = Watched { inner: TokioIo::new(application), heard: Arc::clone(&heard) };
    tokio::select! {
        outcome = copy_bidirectional(&mut client, &mut application) => outcome,
        () = silence(&heard, idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Ends when nothing was read on either side for `idle`.
async fn silence(heard: &Heard, idle: Option<Duration>) {
    let Some(idle) = idle else { return std::future::pending().await };
    loop {
        let end = heard.last() + idle;
        if end <= Instant::now() {
            return;
        }
        sleep_until(end).await;
    }
}

struct Heard {
    start: Instant,
    millis: AtomicU64,
}

impl Heard {
    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

struct Watched<T> {
    inner: T,
    heard: Arc<Heard>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if read.is_ready() {
            let millis = u64::try_from(self.heard.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.heard.millis.store(millis, Ordering::Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
