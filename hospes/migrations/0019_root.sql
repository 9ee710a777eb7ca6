SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- What secrets that must come out the same again are derived from, sealed: the first key's, which stays when
-- the key changes.
ALTER TABLE installation ADD COLUMN root bytea;
