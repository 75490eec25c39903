//! Accounts, as far as administration goes: who there is, and who may sign in. Passwords and passkeys are no
//! business of this interface. Disabling an account ends its sessions and revokes its grants.

use axum::Extension;
use axum::extract::{Path, State};
use bindery_store::authorization::AccountUpdate;
use bindery_store::record::{AccountRecord, GrantFilter};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Answer;
use super::door::Administrator;
use super::page::{self, Asked, Page};
use super::problem::{Kind, Problem};
use crate::ATTEMPTS;
use crate::event::AuditEvent;
use crate::logout;
use crate::server::{AuthorizationServer, Server};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView {
    /// `sub`.
    subject: String,
    /// What the person types.
    username: String,
    /// A disabled account can't sign in.
    disabled: bool,
    /// Failed logins since the last one that succeeded.
    failed_logins: u32,
    /// Until when nobody signs in to it, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<i64>,
    /// When it was made.
    created_at: i64,
    /// When it was changed last.
    updated_at: i64,
}

impl From<AccountRecord> for AccountView {
    fn from(record: AccountRecord) -> Self {
        Self {
            subject: record.subject,
            username: record.username,
            disabled: record.disabled,
            failed_logins: record.failed_logins,
            locked_until: record.locked_until.map(bindery_core::time::UnixTime::as_seconds),
            created_at: record.created_at.as_seconds(),
            updated_at: record.updated_at.as_seconds(),
        }
    }
}

/// Which accounts are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountsAsked {
    /// Only what comes after this subject: the `next` of the page before.
    after: Option<String>,
    /// The most items, 1 to 500; 100 without it.
    limit: Option<u32>,
}

/// Lists accounts, by subject.
#[utoipa::path(get, path = "/accounts", operation_id = "listAccounts", tag = "accounts", params(AccountsAsked),
    responses((status = 200, description = "One page", body = Page<AccountView>)))]
pub(super) async fn list(
    State(server): State<AuthorizationServer>,
    Asked(asked): Asked<AccountsAsked>,
) -> Result<Answer<Page<AccountView>>, Problem> {
    let limit = page::limit(asked.limit)?;
    let records = server.0.store.list_accounts(asked.after.as_deref(), limit.saturating_add(1)).await?;
    let items = records.into_iter().map(AccountView::from).collect();
    Ok(Answer(StatusCode::OK, Page::cut(items, limit, |account: &AccountView| account.subject.clone())))
}

/// Disables an account, ends its sessions and revokes its grants.
#[utoipa::path(post, path = "/accounts/{subject}/disable", operation_id = "disableAccount", tag = "accounts",
    params(("subject" = String, Path, description = "The account")),
    responses((status = 200, description = "Disabled", body = AccountView)))]
pub(super) async fn disable(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(subject): Path<String>,
) -> Result<Answer<AccountView>, Problem> {
    let server = &*server.0;
    let account = set_disabled(server, &subject, true).await?;
    let now = server.clock.now();
    let mut after = None;
    loop {
        let sessions = server.store.list_sessions(Some(&subject), after.as_deref(), 100).await?;
        for session in &sessions {
            if let Some(ended) = server.store.end_session(&session.session_id, now).await? {
                logout::session_over(server, &ended, now).await?;
            }
        }
        after = match sessions.last() {
            Some(last) if sessions.len() == 100 => Some(last.session_id.clone()),
            _ => break,
        };
    }
    let filter = GrantFilter { subject: Some(subject.clone()), ..GrantFilter::default() };
    server.store.revoke_grants(&filter, now).await?;
    report(server, &subject, "disabled", &administrator);
    Ok(Answer(StatusCode::OK, account.into()))
}

/// Lets the account sign in again.
#[utoipa::path(post, path = "/accounts/{subject}/enable", operation_id = "enableAccount", tag = "accounts",
    params(("subject" = String, Path, description = "The account")),
    responses((status = 200, description = "Enabled", body = AccountView)))]
pub(super) async fn enable(
    State(server): State<AuthorizationServer>,
    Extension(administrator): Extension<Administrator>,
    Path(subject): Path<String>,
) -> Result<Answer<AccountView>, Problem> {
    let account = set_disabled(&server.0, &subject, false).await?;
    report(&server.0, &subject, "enabled", &administrator);
    Ok(Answer(StatusCode::OK, account.into()))
}

fn report(server: &Server, subject: &str, change: &str, administrator: &Administrator) {
    let administrator = administrator.name.as_str();
    server.audit.record(AuditEvent::AccountChangedByAdministrator { subject, change, administrator });
}

async fn set_disabled(server: &Server, subject: &str, disabled: bool) -> Result<AccountRecord, Problem> {
    for _ in 0..ATTEMPTS {
        let found = server.store.find_account(subject).await?;
        let mut account = found.ok_or_else(|| Problem::not_found("account", "/accounts"))?;
        account.disabled = disabled;
        account.updated_at = server.clock.now();
        match server.store.update_account(&account).await? {
            AccountUpdate::Updated => return Ok(account),
            AccountUpdate::Stale => {}
        }
    }
    Err(Problem::new(Kind::Conflict, "the account changes all the time", "repeat the request"))
}
