-- When a login failed last: an old failure counts no more.

ALTER TABLE accounts ADD COLUMN failed_at INTEGER;
