-- What waits for a person is found by the person, and counted by the client. Whoever may ask a person may be asked
-- for a code that the person told it (CIBA Core section 7.1).

ALTER TABLE pending ADD COLUMN subject TEXT COLLATE "C";
CREATE INDEX pending_by_subject ON pending (subject, kind) WHERE subject IS NOT NULL;
CREATE INDEX pending_for_people_by_client ON pending (client_id, kind) WHERE subject IS NOT NULL;
ALTER TABLE accounts ADD COLUMN user_code_hash TEXT;
