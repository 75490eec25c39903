//! Writes every event of this process into the record, at trace level and of every crate: an operator in need turns
//! everything on. It must be installed before the code under test runs.

use std::io::Write;
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

struct Events;

impl Write for Events {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        super::log(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Listens from now on, when the run is recorded and the test does not listen itself.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    if std::env::var_os(super::DIRECTORY).is_some() {
        ONCE.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(|| Events);
            let _ = tracing::subscriber::set_global_default(subscriber.finish());
        });
    }
}
