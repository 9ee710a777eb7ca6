-- squawk-ignore-file require-concurrent-index-creation
-- (the table is new and empty)
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Codes that were shown at a till. They live for a minute; what was used is remembered for longer.
CREATE TABLE wallet_codes (
    workspace_id bigint NOT NULL,
    nonce        text NOT NULL CHECK (length(nonce) <= 64),
    used_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, nonce)
);
CREATE INDEX wallet_codes_used ON wallet_codes (workspace_id, used_at);
