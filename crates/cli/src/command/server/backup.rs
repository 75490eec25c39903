//! `bindery server backup`: a consistent copy of an issuer's SQLite file while the server runs. A PostgreSQL
//! database has better means of its own, and is told by name. Copies are worth nothing without the sealing
//! key, so its place is always named.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bindery_store::sqlite::back_up;
use clap::Args;

use super::file::ServerFile;
use super::store::Place;
use crate::command::Status;

/// Copies what an issuer has stored, while the server runs.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The copy; never a file that is there
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Which issuer, when there are several
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
}

pub(super) async fn run(config: &Path, arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    let file = ServerFile::read(config)?;
    let issuer = file.issuer(arguments.issuer.as_deref())?;
    let store = &issuer.store;
    let key = store.sealing_key_path()?;
    let key = key.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    let to = arguments.to.display();
    match store.place()? {
        Place::Memory => bail!(
            "nothing is kept: {} has no [store] path and no [store] postgres; configure one of them",
            config.display()
        ),
        Place::Database(options) => bail!(
            "PostgreSQL backs itself up: run `pg_dump --format=custom --schema={schema} --file={to} DATABASE` on \
             {name} as its owner, and restore with `pg_restore`; keep {key} apart from it: without that sealing key \
             no key in it can be opened",
            schema = options.schema,
            name = options.name(),
        ),
        Place::File(path) => {
            back_up(path, &arguments.to).await.context("no copy was made")?;
            writeln!(out, "copied {} to {to}", path.display())?;
            writeln!(
                out,
                "keep {key} too, apart from it: without that sealing key no key in the copy can be opened"
            )?;
            writeln!(
                out,
                "to restore, stop the server, remove {0}, {0}-wal and {0}-shm, and put the copy there",
                path.display()
            )?;
            Ok(Status::Done)
        }
    }
}
