-- (few guests are merged, and far fewer twice)
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '600s';

-- A merged guest points at the one that answers for it, however often that one was merged since.
WITH RECURSIVE up AS (
    SELECT workspace_id, id, merged_into AS head
      FROM guests
     WHERE merged_into <> id
     UNION
    SELECT up.workspace_id, up.id, g.merged_into
      FROM up
      JOIN guests g ON g.workspace_id = up.workspace_id AND g.id = up.head
     WHERE g.merged_into <> g.id
)
UPDATE guests
   SET merged_into = up.head
  FROM up
  JOIN guests h ON h.workspace_id = up.workspace_id AND h.id = up.head
 WHERE guests.workspace_id = up.workspace_id AND guests.id = up.id AND guests.merged_into <> up.head
   AND h.merged_into IS NULL;
