-- Clients that an operator has disabled by their name alone, whatever the configuration file says of them.

CREATE TABLE barred_clients (
    client_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reason     TEXT    NOT NULL,
    offboarded BOOLEAN NOT NULL,
    barred_at  BIGINT  NOT NULL
);
