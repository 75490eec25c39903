-- A change of a client names the state that it changes, so that of two administrators at once one wins.

ALTER TABLE clients ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
