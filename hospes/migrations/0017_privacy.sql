-- squawk-ignore-file require-concurrent-index-creation, adding-foreign-key-constraint, ban-drop-constraint
-- (guests get a column without a default; the indexes are over what few rows have, or what is read within seconds)
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '600s';

-- A guest who was erased points at itself: whatever leaves out guests who were merged leaves it out too.
ALTER TABLE guests
    ADD COLUMN erased_at timestamptz,
    DROP CONSTRAINT guests_check,
    ADD CONSTRAINT guests_erased CHECK ((erased_at IS NOT NULL) = coalesce(merged_into = id, false)) NOT VALID;

-- What may not be erased before somebody lets go of it: a lawsuit, a bill that is not paid.
CREATE TABLE guest_holds (
    workspace_id bigint NOT NULL,
    guest_id     bigint NOT NULL,
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    held_by      text NOT NULL,
    held_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, guest_id),
    CONSTRAINT guest_holds_guest FOREIGN KEY (workspace_id, guest_id) REFERENCES guests (workspace_id, id)
);

-- Links to exports that were followed; each works once.
CREATE TABLE guest_exports (
    workspace_id bigint NOT NULL,
    number       text NOT NULL CHECK (length(number) <= 64),
    guest_id     bigint NOT NULL,
    used_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, number)
);

-- How long is kept what nobody needs for ever; null is for ever.
CREATE TABLE privacy_settings (
    workspace_id     bigint PRIMARY KEY REFERENCES workspaces (id),
    network_days     integer CHECK (network_days BETWEEN 1 AND 3650),
    message_days     integer CHECK (message_days BETWEEN 1 AND 3650),
    -- Whether a guest with a stay to come, or in house, may be erased.
    erases_with_stay boolean NOT NULL DEFAULT false
);

-- Erasure and retention look for these.
CREATE INDEX guest_merges_kept ON guest_merges (workspace_id, kept_guest_id);
CREATE INDEX guest_merges_merged ON guest_merges (workspace_id, merged_guest_id);
CREATE INDEX messages_nobodys ON messages (workspace_id, lower(address)) WHERE guest_id IS NULL AND address <> '';
CREATE INDEX messages_texts ON messages (workspace_id, queued_at) WHERE plain <> '';
CREATE INDEX wifi_sessions_nobodys ON wifi_sessions (workspace_id, mac) WHERE guest_id IS NULL AND mac IS NOT NULL;
CREATE INDEX wifi_sessions_traces ON wifi_sessions (workspace_id, last_seen_at)
    WHERE framed_ip IS NOT NULL OR mac NOT LIKE '%000000';

-- Each entry of the audit log is sealed to the one before it; entries from before this have no hash.
ALTER TABLE audit_entries ADD COLUMN hash bytea;
-- The end of a workspace's chain: whoever adds to it holds this row. By it, also the last entries are missed.
CREATE TABLE audit_chains (
    workspace_id bigint PRIMARY KEY,
    entries      bigint NOT NULL,
    hash         bytea NOT NULL
);
