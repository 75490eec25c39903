-- Accounts, sessions, consents, everything that is spent once, and the audit trail.

ALTER TABLE clients ADD COLUMN registration TEXT NOT NULL DEFAULT '{}';
ALTER TABLE grants ADD COLUMN session_id TEXT;
ALTER TABLE grants ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_subject ON grants (subject);
CREATE INDEX grants_by_session ON grants (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE pending (
    kind         TEXT    NOT NULL,
    key_sha256   BLOB    NOT NULL CHECK (length(key_sha256) = 32),
    alias_sha256 BLOB    CHECK (length(alias_sha256) = 32),
    client_id    TEXT,
    payload      TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    forget_at    INTEGER NOT NULL,
    spent_at     INTEGER,
    PRIMARY KEY (kind, key_sha256)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pending_by_alias ON pending (kind, alias_sha256) WHERE alias_sha256 IS NOT NULL;
CREATE INDEX pending_by_forgetting ON pending (forget_at);

CREATE TABLE sessions (
    session_id    TEXT    NOT NULL PRIMARY KEY,
    cookie_sha256 BLOB    NOT NULL UNIQUE CHECK (length(cookie_sha256) = 32),
    subject       TEXT    NOT NULL,
    details       TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE accounts (
    subject       TEXT    NOT NULL PRIMARY KEY,
    username      TEXT    NOT NULL UNIQUE,
    password_hash TEXT,
    claims        TEXT    NOT NULL,
    passkeys      TEXT    NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    failed_logins INTEGER NOT NULL,
    locked_until  INTEGER,
    revision      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No reference to accounts: an application may bring its own.
CREATE TABLE consents (
    subject    TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    details    TEXT    NOT NULL,
    granted_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (subject, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_by_client ON consents (client_id);
CREATE INDEX consents_by_expiry ON consents (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE blocked_keys (
    thumbprint TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('dpop', 'certificate')),
    client_id  TEXT,
    reason     TEXT    NOT NULL,
    blocked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sealed_keys (
    purpose    TEXT    NOT NULL,
    key_id     TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (purpose, key_id)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never given twice, also when the latest record was removed.
CREATE TABLE audit (
    sequence  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    event     TEXT    NOT NULL,
    client_id TEXT,
    subject   TEXT,
    fields    TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_event ON audit (event, sequence);
CREATE INDEX audit_by_client ON audit (client_id, sequence) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_subject ON audit (subject, sequence) WHERE subject IS NOT NULL;
