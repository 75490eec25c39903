//! How servers end: by a signal, or because one of their listeners did. Running requests get their time.

use std::io;
use std::time::Duration;

use anyhow::Context as _;
use bindery_http::listener::ListenerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

/// How long running requests may take to end when the server is stopped.
const GRACE: Duration = Duration::from_secs(10);

/// Waits until all listeners have ended.
pub(crate) async fn drain(serving: &mut JoinSet<io::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = serving.join_next().await {
        ended.context("a listener's task failed")?.context("a listener failed")?;
    }
    Ok(())
}

/// SIGTERM and Ctrl-C, heard from the moment that this is made: before it, they kill.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be awaited");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Serves until one of them comes, then lets running requests end. A listener that ends by itself stops
    /// the others too: a server that is half there helps nobody.
    pub(crate) async fn serve(
        mut self,
        serving: &mut JoinSet<io::Result<()>>,
        handles: Vec<ListenerHandle>,
    ) -> anyhow::Result<()> {
        let ended = tokio::select! {
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
            ended = serving.join_next() => ended,
        };
        tracing::info!(event = "stopping", grace_seconds = GRACE.as_secs());
        for handle in handles {
            handle.shut_down(GRACE);
        }
        match ended {
            None => Ok(()),
            Some(ended) => {
                ended.context("a listener's task failed")?.context("a listener failed")?;
                anyhow::bail!("a listener ended by itself")
            }
        }
    }
}
