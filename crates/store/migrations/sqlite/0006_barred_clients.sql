-- Clients that an operator has disabled by their name alone, whatever the configuration file says of them.

CREATE TABLE barred_clients (
    client_id  TEXT    NOT NULL PRIMARY KEY,
    reason     TEXT    NOT NULL,
    offboarded INTEGER NOT NULL CHECK (offboarded IN (0, 1)),
    barred_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
