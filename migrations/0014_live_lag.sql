-- +goose Up

-- How far the live projections were behind: the greatest lag of each minute in
-- which relay served. relay serve deletes what is old.
CREATE TABLE relay_store.live_lag (
    minute  timestamptz      NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT live_lag_pkey PRIMARY KEY (minute)
);

-- +goose Down
DROP TABLE relay_store.live_lag;
