-- +goose Up

-- What a generation holds, how far it is loaded in bulk before it follows the
-- log, and which re-projection took its place.
ALTER TABLE relay_store.generations
    ADD COLUMN parts text[] NOT NULL DEFAULT '{}',
    ADD COLUMN load_up_to bigint NOT NULL DEFAULT 0,
    ADD COLUMN loaded boolean NOT NULL DEFAULT false,
    ADD COLUMN retired_by bigint;
UPDATE relay_store.generations SET loaded = true,
    parts = CASE projection WHEN 'profiles' THEN '{properties,preferences,channels}'::text[] ELSE '{events}'::text[] END
WHERE status = 'serving';

ALTER TABLE relay_store.reprojections
    ADD COLUMN rebuilt text[] NOT NULL DEFAULT '{}',
    ADD COLUMN control_offset bigint,
    ADD COLUMN undoes bigint,
    ADD COLUMN calls bigint NOT NULL DEFAULT 0,
    ADD COLUMN calls_per_second double precision NOT NULL DEFAULT 0,
    ADD COLUMN issues bigint NOT NULL DEFAULT 0,
    ADD COLUMN live_rows_per_second double precision NOT NULL DEFAULT 0,
    ADD COLUMN live_lag_seconds double precision NOT NULL DEFAULT 0,
    ADD COLUMN expected_at timestamptz;

CREATE OR REPLACE VIEW relay.reprojections AS
SELECT id, projections, from_offset, mapping_version, status, started_at, finished_at, done, total, error, phase,
       rebuilt, undoes, calls, calls_per_second, issues, live_rows_per_second, live_lag_seconds, expected_at
FROM relay_store.reprojections;
COMMENT ON COLUMN relay.reprojections.projections IS 'whose timeline it changes';
COMMENT ON COLUMN relay.reprojections.error IS 'why it failed, and what to do';
COMMENT ON COLUMN relay.reprojections.rebuilt IS 'which of the projections are rebuilt, since the change alters their rows';
COMMENT ON COLUMN relay.reprojections.undoes IS 'number of the re-projection that this one undoes; null: none';
COMMENT ON COLUMN relay.reprojections.calls IS 'calls read so far';
COMMENT ON COLUMN relay.reprojections.calls_per_second IS 'calls read a second, since it started or was resumed';
COMMENT ON COLUMN relay.reprojections.issues IS 'how often something had to be ignored so far';
COMMENT ON COLUMN relay.reprojections.live_rows_per_second IS 'log rows that the live projections take in a second meanwhile';
COMMENT ON COLUMN relay.reprojections.live_lag_seconds IS 'age of the oldest log row that the live projections have still to take in';
COMMENT ON COLUMN relay.reprojections.expected_at IS 'when reading will be done, at the rate so far; null where it cannot be told';

-- +goose Down
DROP VIEW relay.reprojections;
ALTER TABLE relay_store.reprojections DROP COLUMN rebuilt, DROP COLUMN control_offset, DROP COLUMN undoes, DROP COLUMN calls, DROP COLUMN calls_per_second,
    DROP COLUMN issues, DROP COLUMN live_rows_per_second, DROP COLUMN live_lag_seconds, DROP COLUMN expected_at;
CREATE VIEW relay.reprojections AS
SELECT id, projections, from_offset, mapping_version, status, started_at, finished_at, done, total, error, phase
FROM relay_store.reprojections;
ALTER TABLE relay_store.generations DROP COLUMN parts, DROP COLUMN load_up_to, DROP COLUMN loaded, DROP COLUMN retired_by;
