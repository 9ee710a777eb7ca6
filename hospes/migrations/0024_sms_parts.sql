-- squawk-ignore-file require-concurrent-index-creation
-- (the table is new and empty)
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Parts of a text message that a guest wrote, until all are here: each may come to another worker. Whose
-- guest it is, is known only then, so this is not distributed.
CREATE TABLE sms_parts (
    sender    text NOT NULL,
    reference integer NOT NULL,
    parts     smallint NOT NULL CHECK (parts BETWEEN 2 AND 5),
    part      smallint NOT NULL CHECK (part BETWEEN 1 AND parts),
    text      text NOT NULL,
    came_at   timestamptz NOT NULL,
    PRIMARY KEY (sender, reference, parts, part)
);
CREATE INDEX sms_parts_age ON sms_parts (came_at);
