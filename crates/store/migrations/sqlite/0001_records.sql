-- Times are whole seconds since 1970 (NumericDate). Lists, claims and metadata are JSON text.
-- Tokens and secrets are SHA-256 digests; private keys are sealed before they come here.

CREATE TABLE clients (
    client_id     TEXT    NOT NULL PRIMARY KEY,
    metadata      TEXT    NOT NULL,
    secret_sha256 BLOB    CHECK (length(secret_sha256) = 32),
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No reference to clients: a client may live in the configuration file alone.
CREATE TABLE grants (
    grant_id   TEXT    NOT NULL PRIMARY KEY,
    client_id  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    audience   TEXT    NOT NULL,
    bound_to   TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE refresh_tokens (
    token_sha256 BLOB    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 32),
    grant_id     TEXT    NOT NULL REFERENCES grants (grant_id) ON DELETE CASCADE,
    client_id    TEXT    NOT NULL,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    spent_at     INTEGER,
    successor    BLOB    CHECK (length(successor) = 32)
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE access_tokens (
    token_sha256 BLOB    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 32),
    jti          TEXT    NOT NULL,
    grant_id     TEXT    REFERENCES grants (grant_id) ON DELETE CASCADE,
    client_id    TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    audience     TEXT    NOT NULL,
    confirmation TEXT,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    claims       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);

CREATE TABLE revoked_tokens (
    jti        TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

CREATE TABLE signing_keys (
    key_id         TEXT    NOT NULL PRIMARY KEY,
    algorithm      TEXT    NOT NULL,
    sealed_private BLOB    NOT NULL,
    public_jwk     TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'retired')),
    created_at     INTEGER NOT NULL,
    activated_at   INTEGER,
    retired_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE nonce_keys (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 0 AND 255),
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Single-use claims, by a 128-bit fingerprint under the key below.
CREATE TABLE claims (
    fingerprint BLOB    NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 16),
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_expiry ON claims (expires_at);

-- One row: the key, drawn once for this file, and the latest expiry among the claims that were purged.
CREATE TABLE claim_memory (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint_key BLOB    NOT NULL CHECK (length(fingerprint_key) = 16),
    dropped_through INTEGER NOT NULL
) STRICT;
INSERT INTO claim_memory VALUES (1, randomblob(16), -9223372036854775808);
