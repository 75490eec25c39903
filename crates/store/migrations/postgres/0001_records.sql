-- Times are whole seconds since 1970 (NumericDate). Lists, claims and metadata are JSON text: a null character
-- may be in them, which JSONB can't hold, and nothing here asks what is inside. Names compare byte by byte.
-- Tokens and secrets are SHA-256 digests; private keys are sealed before they come here.

CREATE TABLE clients (
    client_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    metadata      TEXT    NOT NULL,
    secret_sha256 BYTEA   CHECK (octet_length(secret_sha256) = 32),
    disabled      BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    registration  TEXT    NOT NULL
);

-- No reference to clients: a client may live in the configuration file alone.
CREATE TABLE grants (
    grant_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id  TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    scope      TEXT   NOT NULL,
    audience   TEXT   NOT NULL,
    bound_to   TEXT,
    session_id TEXT COLLATE "C",
    details    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_subject ON grants (subject);
CREATE INDEX grants_by_session ON grants (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE refresh_tokens (
    token_sha256 BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(token_sha256) = 32),
    grant_id     TEXT COLLATE "C" NOT NULL REFERENCES grants (grant_id) ON DELETE CASCADE,
    client_id    TEXT COLLATE "C" NOT NULL,
    issued_at    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    spent_at     BIGINT,
    successor    BYTEA  CHECK (octet_length(successor) = 32)
);
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE access_tokens (
    token_sha256 BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(token_sha256) = 32),
    jti          TEXT COLLATE "C" NOT NULL,
    grant_id     TEXT COLLATE "C" REFERENCES grants (grant_id) ON DELETE CASCADE,
    client_id    TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    scope        TEXT   NOT NULL,
    audience     TEXT   NOT NULL,
    confirmation TEXT,
    issued_at    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    claims       TEXT   NOT NULL
);
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);

CREATE TABLE revoked_tokens (
    jti        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

CREATE TABLE pending (
    kind         TEXT COLLATE "C" NOT NULL,
    key_sha256   BYTEA  NOT NULL CHECK (octet_length(key_sha256) = 32),
    alias_sha256 BYTEA  CHECK (octet_length(alias_sha256) = 32),
    client_id    TEXT COLLATE "C",
    payload      TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    forget_at    BIGINT NOT NULL,
    spent_at     BIGINT,
    PRIMARY KEY (kind, key_sha256)
);
CREATE UNIQUE INDEX pending_by_alias ON pending (kind, alias_sha256) WHERE alias_sha256 IS NOT NULL;
CREATE INDEX pending_by_forgetting ON pending (forget_at);

CREATE TABLE sessions (
    session_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cookie_sha256 BYTEA  NOT NULL UNIQUE CHECK (octet_length(cookie_sha256) = 32),
    subject       TEXT COLLATE "C" NOT NULL,
    details       TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE accounts (
    subject       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    username      TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT,
    claims        TEXT    NOT NULL,
    passkeys      TEXT    NOT NULL,
    disabled      BOOLEAN NOT NULL,
    failed_logins BIGINT  NOT NULL,
    locked_until  BIGINT,
    revision      BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);

-- No reference to accounts: an application may bring its own.
CREATE TABLE consents (
    subject    TEXT COLLATE "C" NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    scope      TEXT   NOT NULL,
    details    TEXT   NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (subject, client_id)
);
CREATE INDEX consents_by_client ON consents (client_id);
CREATE INDEX consents_by_expiry ON consents (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE blocked_keys (
    thumbprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL CHECK (kind IN ('dpop', 'certificate')),
    client_id  TEXT COLLATE "C",
    reason     TEXT   NOT NULL,
    blocked_at BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    key_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    algorithm      TEXT   NOT NULL,
    sealed_private BYTEA  NOT NULL,
    public_jwk     TEXT   NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('pending', 'active', 'retired')),
    created_at     BIGINT NOT NULL,
    activated_at   BIGINT,
    retired_at     BIGINT
);

CREATE TABLE nonce_keys (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id BETWEEN 0 AND 255),
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sealed_keys (
    purpose    TEXT COLLATE "C" NOT NULL,
    key_id     TEXT COLLATE "C" NOT NULL,
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, key_id)
);

CREATE TABLE audit (
    sequence  BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        BIGINT NOT NULL,
    event     TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C",
    subject   TEXT COLLATE "C",
    fields    TEXT   NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_event ON audit (event, sequence);
CREATE INDEX audit_by_client ON audit (client_id, sequence) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_subject ON audit (subject, sequence) WHERE subject IS NOT NULL;

-- Single-use claims, by a 128-bit fingerprint under the key below.
CREATE TABLE claims (
    fingerprint BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(fingerprint) = 16),
    expires_at  BIGINT NOT NULL
);
CREATE INDEX claims_by_expiry ON claims (expires_at);

-- One row: the key, drawn once for this schema, and the latest expiry among the claims that were purged.
-- A UUID of version 4 has 122 random bits; two of them, hashed, fill the 128.
CREATE TABLE claim_memory (
    id              BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint_key BYTEA  NOT NULL CHECK (octet_length(fingerprint_key) = 16),
    dropped_through BIGINT NOT NULL
);
INSERT INTO claim_memory
VALUES (1, substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FOR 16), -9223372036854775808);
