//! `bindery account`: the people who can sign in at the built-in pages. Passwords are read from a prompt or
//! from standard input, never from the command line, where everybody on the machine could see them.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use bindery_authorization_server::people::accounts::{self, AccessEnded, NewAccount};
use bindery_authorization_server::people::refused_passwords::RefusedPasswords;
use bindery_authorization_server::people::username::{MAXIMUM_PASSWORD, normalise_username};
use bindery_core::oauth::subject::require_person;
use bindery_core::time::UnixTime;
use bindery_http::{Clock as _, SystemClock};
use bindery_store::AuthorizationStore;
use bindery_store::record::AccountRecord;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::Status;
use super::server::ServerFile;

/// How many accounts are read at once.
const PAGE: u32 = 500;

/// Changes the built-in accounts in the store of a server's configuration. The server may be running.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The server's configuration file
    #[arg(long, value_name = "TOML", env = "BINDERY_SERVER_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Whose accounts, when several issuers are configured
    #[arg(long, value_name = "URL", global = true)]
    issuer: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an account; asks for its password, or reads it from standard input
    Add(Add),
    /// List the accounts, one line each
    List,
    /// Show one account, without its password
    Show(Name),
    /// Disable an account: nobody signs in to it, its sessions end, and what clients hold of it is revoked
    Disable(Name),
    /// Enable a disabled account
    Enable(Name),
    /// Set a new password, end all sessions and revoke what was allowed in them; asks for it, or reads it from standard
    /// input
    Passwd(Name),
    /// Set the code that clients without a browser must send to ask this person; asks for it, or reads it from
    /// standard input
    UserCode(UserCode),
    /// Let an account sign in at once that is locked after too many wrong passwords
    Unlock(Name),
    /// Delete an account with its sessions and all that clients hold of it
    Delete(Name),
}

#[derive(Debug, Args)]
struct Name {
    /// The user name
    username: String,
}

#[derive(Debug, Args)]
struct UserCode {
    /// The user name
    username: String,
    /// Take the code away: any client that may ask people may ask this person
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Args)]
struct Add {
    /// The user name
    username: String,
    /// The subject (`sub`) of an account that moves here from elsewhere; it can't have passkeys then
    #[arg(long)]
    subject: Option<String>,
    /// An OpenID Connect claim, as NAME=VALUE (VALUE as JSON, or as text); may be repeated
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let config = arguments
        .config
        .context("--config is missing: name the server's configuration file, or set BINDERY_SERVER_CONFIG")?;
    let file = ServerFile::read(&config)?;
    let file = file.issuer(arguments.issuer.as_deref())?;
    if !file.store.is_durable() {
        bail!(
            "{} keeps its store in memory, so there is nothing to change; set [store] path",
            config.display()
        );
    }
    let store = file.store.open().await?;
    let store = &*store;
    let now = SystemClock.now();
    let minimum = file.server.people.password_minimum;
    let listed = RefusedPasswords::load(file.server.people.refused_passwords_file.as_deref());
    let listed = listed.with_context(|| config.display().to_string())?;
    match arguments.action {
        Action::Add(add) => make(store, add, minimum, &listed, now, out).await,
        Action::List => list(store, out).await,
        Action::Show(name) => {
            let account = find(store, &name.username).await?;
            writeln!(out, "{:#}", shown(&account))?;
            Ok(Status::Done)
        }
        Action::Disable(name) => disable(store, &name.username, now, out).await,
        Action::Enable(name) => {
            let account = change(store, &name.username, now, |account| account.disabled = false).await?;
            accounts::report(store, &account.subject, "enabled", now).await?;
            writeln!(out, "enabled {}", name.username)?;
            Ok(Status::Done)
        }
        Action::Passwd(name) => set_password(store, &name.username, minimum, &listed, now, out).await,
        Action::UserCode(code) => set_user_code(store, &code, now, out).await,
        Action::Unlock(name) => {
            let unlock = |account: &mut AccountRecord| {
                account.failed_logins = 0;
                account.failed_at = None;
                account.locked_until = None;
            };
            let account = change(store, &name.username, now, unlock).await?;
            accounts::report(store, &account.subject, "unlocked", now).await?;
            writeln!(out, "unlocked {}", name.username)?;
            Ok(Status::Done)
        }
        Action::Delete(name) => delete(store, &name.username, now, out).await,
    }
}

async fn make(
    store: &dyn AuthorizationStore,
    add: Add,
    minimum: u32,
    listed: &RefusedPasswords,
    now: UnixTime,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    normalise_username(&add.username).with_context(|| format!("account {:?}", add.username))?;
    let mut claims = Map::new();
    for claim in &add.claims {
        let (name, value) =
            claim.split_once('=').with_context(|| format!("--claim {claim:?}: write it as NAME=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        claims.insert(name.to_owned(), value);
    }
    if let Some(subject) = &add.subject {
        require_subject(subject)?;
    }
    let password = read_new_password()?;
    listed.require_unlisted(&password).with_context(|| format!("account {:?} was not made", add.username))?;
    let password = Some(password);
    let new = NewAccount { username: add.username.clone(), password, claims, subject: add.subject };
    let account = accounts::add(store, new, minimum, now)
        .await
        .with_context(|| format!("account {:?} was not made", add.username))?;
    accounts::report(store, &account.subject, "added", now).await?;
    writeln!(out, "{:#}", shown(&account))?;
    Ok(Status::Done)
}

/// AT68-5-02: subjects of people and of clients never meet.
fn require_subject(subject: &str) -> anyhow::Result<()> {
    require_person(subject)
        .map_err(|rule| anyhow!("--subject {subject:?}: {rule}, which is the namespace of clients"))
}

async fn list(store: &dyn AuthorizationStore, out: &mut dyn Write) -> anyhow::Result<Status> {
    let now = SystemClock.now();
    let mut after: Option<String> = None;
    loop {
        let page = store.list_accounts(after.as_deref(), PAGE).await?;
        for account in &page {
            writeln!(out, "{:<32} {:<26} {}", account.username, account.subject, state(account, now))?;
        }
        match page.last() {
            Some(last) if page.len() >= PAGE as usize => after = Some(last.subject.clone()),
            _ => return Ok(Status::Done),
        }
    }
}

async fn disable(
    store: &dyn AuthorizationStore,
    username: &str,
    now: UnixTime,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    // First nobody new comes in, then whoever is in goes.
    let account = change(store, username, now, |account| account.disabled = true).await?;
    accounts::end_access(store, &account.subject, AccessEnded::Everything, now).await?;
    accounts::report(store, &account.subject, "disabled", now).await?;
    writeln!(out, "disabled {username}")?;
    Ok(Status::Done)
}

async fn delete(
    store: &dyn AuthorizationStore,
    username: &str,
    now: UnixTime,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let account = change(store, username, now, |account| account.disabled = true).await?;
    accounts::end_access(store, &account.subject, AccessEnded::Everything, now).await?;
    store.delete_account(&account.subject).await?;
    accounts::report(store, &account.subject, "deleted", now).await?;
    writeln!(out, "deleted {username}")?;
    Ok(Status::Done)
}

async fn set_password(
    store: &dyn AuthorizationStore,
    username: &str,
    minimum: u32,
    listed: &RefusedPasswords,
    now: UnixTime,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let account = find(store, username).await?;
    let password = read_new_password()?;
    listed.require_unlisted(&password)?;
    let hash = accounts::hash_new(&password, &account.username, minimum)?;
    let changed = change(store, username, now, |account| {
        account.password_hash = Some(hash.clone());
        account.failed_logins = 0;
        account.failed_at = None;
        account.locked_until = None;
    });
    let account = changed.await?;
    accounts::end_access(store, &account.subject, AccessEnded::Allowed, now).await?;
    accounts::report(store, &account.subject, "password", now).await?;
    writeln!(out, "changed the password of {username}, and ended all sessions and what was allowed in them")?;
    Ok(Status::Done)
}

async fn set_user_code(
    store: &dyn AuthorizationStore,
    arguments: &UserCode,
    now: UnixTime,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let username = &arguments.username;
    find(store, username).await?;
    let (hash, done) = match arguments.remove {
        true => (None, "removed the user code of"),
        false => (Some(accounts::hash_user_code(&read_secret("user code")?)?), "set the user code of"),
    };
    let account = change(store, username, now, |account| account.user_code_hash.clone_from(&hash)).await?;
    accounts::report(store, &account.subject, "user_code", now).await?;
    writeln!(out, "{done} {username}")?;
    Ok(Status::Done)
}

async fn find(store: &dyn AuthorizationStore, username: &str) -> anyhow::Result<AccountRecord> {
    accounts::find(store, username)
        .await
        .with_context(|| format!("account {username:?}; `bindery account list` names them all"))
}

async fn change(
    store: &dyn AuthorizationStore,
    username: &str,
    now: UnixTime,
    edit: impl FnMut(&mut AccountRecord),
) -> anyhow::Result<AccountRecord> {
    accounts::change(store, username, now, edit)
        .await
        .with_context(|| format!("account {username:?}; `bindery account list` names them all"))
}

fn read_new_password() -> anyhow::Result<Zeroizing<String>> {
    read_secret("password")
}

/// Twice from a terminal, without echo; one line from anything else.
fn read_secret(what: &str) -> anyhow::Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() {
        let prompt = |text: String| rpassword::prompt_password(text).map(Zeroizing::new);
        let unreadable = || format!("the {what} can't be read");
        let secret = prompt(format!("New {what}: ")).with_context(unreadable)?;
        if *secret != *prompt("Once more: ".to_owned()).with_context(unreadable)? {
            bail!("the two differ; try again");
        }
        return Ok(secret);
    }
    let mut line = Zeroizing::new(String::with_capacity(2 * MAXIMUM_PASSWORD));
    let most = u64::try_from(2 * MAXIMUM_PASSWORD).unwrap_or(u64::MAX);
    let read = std::io::stdin().lock().take(most).read_line(&mut line);
    read.with_context(|| {
        format!("the {what} can't be read from standard input; give it as one line of UTF-8")
    })?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn state(account: &AccountRecord, now: UnixTime) -> &'static str {
    match account.locked_until {
        _ if account.disabled => "disabled",
        Some(until) if now < until => "locked",
        _ => "active",
    }
}

/// An account as it is shown: never its password's hash.
fn shown(account: &AccountRecord) -> Value {
    json!({
        "username": account.username,
        "subject": account.subject,
        "state": state(account, SystemClock.now()),
        "has_password": account.password_hash.is_some(),
        "has_user_code": account.user_code_hash.is_some(),
        "passkeys": account.passkeys.as_array().map_or(0, Vec::len),
        "claims": account.claims,
        "failed_logins": account.failed_logins,
        "locked_until": account.locked_until.map(UnixTime::as_seconds),
        "created_at": account.created_at.as_seconds(),
        "updated_at": account.updated_at.as_seconds(),
    })
}
