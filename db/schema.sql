-- The records of calls and turns. May be run any number of times; see ivr/storage/schema.py,
-- which runs it under a lock and writes down the version.

CREATE TABLE IF NOT EXISTS schema_version (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- A call's end may arrive before its beginning (each worker ships its own journal, in its own
-- time), so either one makes the row and only the id is certain.
CREATE TABLE IF NOT EXISTS calls (
    id           uuid PRIMARY KEY,
    started_at   timestamptz,
    finished_at  timestamptz,
    flow         text,
    flow_version text,
    caller       text,
    called       text,
    language     text,
    worker       text,
    cause        text,
    detail       text,
    turns        integer
);

CREATE INDEX IF NOT EXISTS calls_started_at ON calls (started_at DESC);

-- No foreign key to calls: turns may arrive first, and a turn is worth keeping whatever became
-- of its call's row.
CREATE TABLE IF NOT EXISTS turns (
    call_id        uuid NOT NULL,
    number         integer NOT NULL,
    at             timestamptz NOT NULL,
    who            text NOT NULL CHECK (who IN ('caller', 'bot')),
    text           text NOT NULL,
    language       text NOT NULL DEFAULT '',
    node           text NOT NULL DEFAULT '',
    intent         text NOT NULL DEFAULT '',
    confidence     double precision,
    asr_confidence double precision,
    gap_ms         double precision,
    interrupted    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (call_id, number)
);
