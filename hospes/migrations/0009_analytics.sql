-- squawk-ignore-file require-concurrent-index-creation
-- (every table here is new and empty)
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '600s';

-- What happened on a day, counted as it happened. Location 0 is the whole workspace, by UTC days; a
-- location's days are its own. Spread over slots, so that two writers seldom wait for each other.
CREATE TABLE day_counts (
    workspace_id bigint NOT NULL,
    location_id  bigint NOT NULL,
    metric       text NOT NULL CHECK (length(metric) <= 64),
    day_on       date NOT NULL,
    slot         smallint NOT NULL,
    value        bigint NOT NULL,
    PRIMARY KEY (workspace_id, location_id, metric, day_on, slot)
) WITH (fillfactor = 50);

-- Who visited on which day, and when first and last: what tells a new guest from one who came back.
CREATE TABLE visitor_days (
    workspace_id bigint NOT NULL,
    location_id  bigint NOT NULL,
    guest_id     bigint NOT NULL,
    day_on       date NOT NULL,
    PRIMARY KEY (workspace_id, location_id, guest_id, day_on)
);
CREATE TABLE visitors (
    workspace_id bigint NOT NULL,
    location_id  bigint NOT NULL,
    guest_id     bigint NOT NULL,
    first_on     date NOT NULL,
    last_on      date NOT NULL CHECK (last_on >= first_on),
    PRIMARY KEY (workspace_id, location_id, guest_id)
) WITH (fillfactor = 80);

-- Consents, and flags by location, are counted from here on; what stood before:
INSERT INTO counters AS c (workspace_id, name, slot, value)
SELECT workspace_id, flag.name, 0, count(*)
  FROM guests g
 CROSS JOIN LATERAL (VALUES (CASE WHEN g.marketing_consent THEN 'opt_in' END),
                            (CASE WHEN g.marketing_consent THEN 'opt_in@' || g.location_id END),
                            (CASE WHEN g.is_vip THEN 'vip@' || g.location_id END)) AS flag (name)
 WHERE merged_into IS NULL AND flag.name IS NOT NULL
 GROUP BY workspace_id, flag.name
    ON CONFLICT (workspace_id, name, slot) DO UPDATE SET value = excluded.value;

-- And what stood in the log before.
INSERT INTO day_counts (workspace_id, location_id, metric, day_on, slot, value)
SELECT e.workspace_id, place.id, 'new', (e.occurred_at AT TIME ZONE place.zone)::date, 0, count(*)
  FROM events e
  LEFT JOIN locations l ON l.workspace_id = e.workspace_id AND l.id = e.location_id
 CROSS JOIN LATERAL (VALUES (0::bigint, 'UTC'), (l.id, l.time_zone)) AS place (id, zone)
 WHERE e.type = 'guest.created' AND place.id IS NOT NULL
 GROUP BY 1, 2, 4;
