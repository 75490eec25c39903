//! A copy of the file as it is at one moment, made while a server writes to it. It holds every answer that was
//! given before the copy began, and it is on the disk when this says so.

use std::fs::{File, OpenOptions};
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::OpenError;

/// Copies the database at `from` to the new file `to`, which is for its owner alone. No table is changed.
///
/// # Errors
/// [`OpenError`] with the path at fault; what was written of `to` is gone then, and a file that was there
/// before is untouched.
pub async fn back_up(from: &Path, to: &Path) -> Result<(), OpenError> {
    make_new(to)?;
    let copied = copy(from, to).await;
    if copied.is_err() {
        _ = std::fs::remove_file(to);
    }
    copied
}

async fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    let unreadable = |error: sqlx::Error| OpenError {
        path: from.to_owned(),
        rule: "must be a SQLite database that this process can read, beside a copy that it can write",
        cause: error.to_string(),
        remedy: "check the path in the configuration, and that there is room for the copy",
    };
    let mut source = open(from).await.map_err(unreadable)?;
    let target = to.to_str().ok_or_else(|| refused(to, "its name is not UTF-8".to_owned()))?;
    sqlx::query("VACUUM INTO $1").bind(target).execute(&mut source).await.map_err(unreadable)?;
    _ = source.close().await;
    require_sound(to).await?;
    flush(to).map_err(|error| refused(to, error.to_string()))
}

/// SQLite fills a file that is empty, and leaves its mode alone.
fn make_new(to: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(to).map(drop).map_err(|error| refused(to, error.to_string()))
}

async fn open(path: &Path) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    options.connect().await
}

async fn require_sound(to: &Path) -> Result<(), OpenError> {
    let unsound = |cause: String| refused(to, cause);
    let mut copy = open(to).await.map_err(|error| unsound(error.to_string()))?;
    let row = sqlx::query("PRAGMA quick_check").fetch_one(&mut copy).await;
    let verdict =
        row.and_then(|row| row.try_get::<String, _>(0)).map_err(|error| unsound(error.to_string()))?;
    _ = copy.close().await;
    if verdict == "ok" { Ok(()) } else { Err(unsound(verdict)) }
}

/// The file and the entry in its directory.
fn flush(to: &Path) -> std::io::Result<()> {
    File::open(to)?.sync_all()?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn refused(to: &Path, cause: String) -> OpenError {
    OpenError {
        path: to.to_owned(),
        rule: "must be a new file, in a directory that this process may write",
        cause,
        remedy: "name a file that is not there yet",
    }
}
