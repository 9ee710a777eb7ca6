-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- (the index is built in seconds, and nobody has a large table yet)
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '600s';

-- An index that begins with the workspace looks as good as the key in a workspace newer than the
-- statistics, where the planner expects one row, and then an address is looked for among all of them.
DROP INDEX guest_identifiers_guest;
CREATE INDEX guest_identifiers_guest ON guest_identifiers (guest_id);

-- So that a workspace that imports its guests is known to the planner before a tenth of the table is new.
ALTER TABLE guests SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 1000);
ALTER TABLE guest_identifiers SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 1000);
