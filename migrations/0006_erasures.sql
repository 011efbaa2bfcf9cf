-- +goose Up

-- What a generation that is being built changes of the timeline, so that others
-- can fold for it; null: nothing.
ALTER TABLE relay_store.generations
    ADD COLUMN replay_from bigint,
    ADD COLUMN replay_version integer,
    ADD COLUMN replay_as_of bigint;

-- Persons who were erased while a generation was loaded, which may have read
-- their calls before. What it loaded of them is removed when the load is done.
CREATE TABLE relay_store.pending_erasures (
    generation bigint  NOT NULL REFERENCES relay_store.generations (id) ON DELETE CASCADE,
    ids        text[]  NOT NULL,
    entries    bigint[] NOT NULL,
    recount    boolean NOT NULL
);
CREATE INDEX pending_erasures_generation ON relay_store.pending_erasures (generation);

-- How far the log's delete calls were honoured.
CREATE TABLE relay_store.deletions (
    checkpoint bigint NOT NULL
);
INSERT INTO relay_store.deletions VALUES (0);
CREATE INDEX log_identity_delete ON relay.log_identity ("offset") WHERE (kinds & 64) <> 0;

-- Whose calls are dropped at the door, as HMAC-SHA256 of the id under the key.
CREATE TABLE relay_store.suppression_key (
    key bytea NOT NULL
);
INSERT INTO relay_store.suppression_key
SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
CREATE TABLE relay_store.suppressed (
    hash        bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    hits        bigint      NOT NULL DEFAULT 0,
    last_hit_at timestamptz,
    CONSTRAINT suppressed_pkey PRIMARY KEY (hash)
);

COMMENT ON TABLE relay.log IS 'The event log: every request body, byte for byte, in order of commit; append-only, but for erased persons. relay.payloads shows it to people';
COMMENT ON COLUMN relay.log.metadata IS 'what only the request knew: source, route, content type, number of calls; and the indexes of calls that were erased';
COMMENT ON COLUMN relay.payloads.payload IS 'the request body, byte for byte (decompressed); null stands where a call was erased';

-- +goose Down
DROP TABLE relay_store.suppressed, relay_store.suppression_key, relay_store.deletions, relay_store.pending_erasures;
DROP INDEX relay.log_identity_delete;
ALTER TABLE relay_store.generations DROP COLUMN replay_from, DROP COLUMN replay_version, DROP COLUMN replay_as_of;
