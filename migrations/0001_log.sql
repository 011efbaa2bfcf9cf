-- +goose Up
CREATE SCHEMA IF NOT EXISTS relay;
CREATE SCHEMA IF NOT EXISTS relay_store;
COMMENT ON SCHEMA relay IS 'Relay: the log, and the views that people query';
COMMENT ON SCHEMA relay_store IS 'Relay''s own tables. Query the views in schema relay instead: these may change with any release';

-- Microseconds since 1970 as a time. An interval is multiplied in floating point,
-- so seconds and the rest are added apart: exact for every time there is. It is
-- STABLE as its operators are, or it could not be inlined.
CREATE FUNCTION relay_store.instant(micros bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00' + (micros / 1000000) * interval '1 second' + (micros % 1000000) * interval '1 microsecond'
$$;

-- Offsets are drawn under the lane lock (see adapters/eventlog), so they become
-- visible in order. CACHE must stay 1 for that.
CREATE SEQUENCE relay.log_offset_seq AS bigint CACHE 1;

CREATE TABLE relay.log (
    "offset"    bigint      NOT NULL DEFAULT nextval('relay.log_offset_seq'),
    uuid        uuid        NOT NULL,
    received_at timestamptz NOT NULL,
    kinds       integer     NOT NULL,
    identity    boolean     NOT NULL,
    payload     bytea       NOT NULL,
    metadata    jsonb       NOT NULL
) PARTITION BY LIST (identity);
ALTER SEQUENCE relay.log_offset_seq OWNED BY relay.log."offset";

-- Payloads with identity calls (and control entries) stand apart, so that a
-- replay of profiles reads them front to back instead of most pages of the log.
CREATE TABLE relay.log_identity PARTITION OF relay.log
    (CONSTRAINT log_identity_pkey PRIMARY KEY ("offset"))
    FOR VALUES IN (true);
CREATE TABLE relay.log_other PARTITION OF relay.log
    (CONSTRAINT log_other_pkey PRIMARY KEY ("offset"))
    FOR VALUES IN (false);

-- lz4 where the server was built with it; its own default elsewhere.
-- +goose StatementBegin
DO $$
BEGIN
    ALTER TABLE relay.log_identity ALTER COLUMN payload SET COMPRESSION lz4;
    ALTER TABLE relay.log_other ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    NULL;
END
$$;
-- +goose StatementEnd

-- Control entries are few: a partial index finds them without a scan.
CREATE INDEX log_identity_control ON relay.log_identity ("offset") WHERE (kinds & 128) <> 0;
-- Entry ids and times of receipt grow with the offset, so a few bytes for each
-- stretch of pages are enough to find one.
CREATE INDEX log_identity_received ON relay.log_identity USING brin (received_at, ((uuid::text) COLLATE "C")) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX log_other_received ON relay.log_other USING brin (received_at, ((uuid::text) COLLATE "C")) WITH (pages_per_range = 64, autosummarize = on);

COMMENT ON TABLE relay.log IS 'The event log: every request body, byte for byte, in order of commit; append-only. relay.payloads shows it to people';
COMMENT ON COLUMN relay.log."offset" IS 'place in the log; becomes visible in order, may have gaps';
COMMENT ON COLUMN relay.log.uuid IS 'the request''s id';
COMMENT ON COLUMN relay.log.received_at IS 'when relay received the request';
COMMENT ON COLUMN relay.log.kinds IS 'bit set of the calls within: 1 identify, 2 track, 4 page, 8 screen, 16 group, 32 alias, 64 delete, 128 control entry, 256 an unusable call, 512 a call with both ids';
COMMENT ON COLUMN relay.log.identity IS 'the partition: whether the payload holds an identify, alias or delete call, or is a control entry';
COMMENT ON COLUMN relay.log.payload IS 'the request body as it came (decompressed)';
COMMENT ON COLUMN relay.log.metadata IS 'what only the request knew: source, route, content type, number of calls';

-- +goose Down
DROP TABLE relay.log;
DROP FUNCTION relay_store.instant;
DROP SCHEMA relay_store;
DROP SCHEMA relay;
