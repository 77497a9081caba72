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

-- The edge's record of the same call (cdrs.id), where an edge told; tables made before version 6
-- lack it.
ALTER TABLE calls ADD COLUMN IF NOT EXISTS cdr uuid;

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
    PRIMARY KEY (call_id, number, at)
);

-- A worker that dies while Redis is away cannot say how far it was, and the next uses its numbers
-- again: both turns were spoken. Tables made before version 5 knew the number alone.
ALTER TABLE turns DROP CONSTRAINT turns_pkey, ADD PRIMARY KEY (call_id, number, at);

-- Which engine and model understood the caller; tables made before version 3 lack it.
ALTER TABLE turns ADD COLUMN IF NOT EXISTS nlu_model text NOT NULL DEFAULT '';

-- How the caller felt, -1 to 1; likewise.
ALTER TABLE turns ADD COLUMN IF NOT EXISTS sentiment double precision;

-- Sound that is kept: recorded calls, and messages that callers left.
CREATE TABLE IF NOT EXISTS sounds (
    call_id     uuid NOT NULL,
    path        text NOT NULL,
    at          timestamptz NOT NULL,
    what        text NOT NULL CHECK (what IN ('call', 'message')),
    duration_ms integer NOT NULL,
    whole       boolean NOT NULL,
    box         text NOT NULL DEFAULT '',
    node        text NOT NULL DEFAULT '',
    language    text NOT NULL DEFAULT '',
    PRIMARY KEY (call_id, path)
);

CREATE INDEX IF NOT EXISTS sounds_of_boxes ON sounds (box, at DESC) WHERE what = 'message';

-- One row for every INVITE that began a call, written by the edge (kamailio/cdr.cfg), also for
-- calls that no worker ever saw. `id` is what nodes get as X-IVR-Call,
-- and what workers keep of it in calls.cdr.
CREATE TABLE IF NOT EXISTS cdrs (
    id          uuid PRIMARY KEY,
    sip_call_id text NOT NULL,
    began_at    timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at    timestamptz,
    source      text NOT NULL,
    trunk       text NOT NULL,
    caller      text NOT NULL,
    called      text NOT NULL,
    node        text NOT NULL DEFAULT '',
    status      integer NOT NULL,
    cause       text NOT NULL,
    detail      text NOT NULL DEFAULT ''
);

CREATE INDEX IF NOT EXISTS cdrs_began_at ON cdrs (began_at DESC);
CREATE INDEX IF NOT EXISTS cdrs_open ON cdrs (sip_call_id) WHERE ended_at IS NULL;

-- What a caller sent reaches SQL as hexadecimal digits. Bytes that are no text stay readable.
CREATE OR REPLACE FUNCTION cdr_text(hex text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(decode(hex, 'hex'), 'UTF8');
EXCEPTION WHEN OTHERS THEN
    BEGIN
        RETURN encode(decode(hex, 'hex'), 'escape');
    EXCEPTION WHEN OTHERS THEN
        RETURN '';
    END;
END
$$;
