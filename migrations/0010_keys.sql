-- +goose Up

-- While a key is being replaced there are two of its name: the one that is
-- replaced, and the one in its place.
ALTER TABLE relay_store.api_keys ADD COLUMN replaced_at timestamptz;
DROP INDEX relay_store.api_keys_name;
CREATE UNIQUE INDEX api_keys_name ON relay_store.api_keys (name) WHERE revoked_at IS NULL AND replaced_at IS NULL;

-- All keys of a name share its signing secrets, any of which may have signed.
CREATE TABLE relay_store.signing_secrets (
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    name         text        NOT NULL,
    secret       bytea       NOT NULL,
    added_at     timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    CONSTRAINT signing_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT signing_secrets_secret UNIQUE (name, secret)
);
INSERT INTO relay_store.signing_secrets (name, secret, added_at)
SELECT name, signing_secret, created_at FROM relay_store.api_keys WHERE signing_secret IS NOT NULL AND revoked_at IS NULL;
ALTER TABLE relay_store.api_keys DROP COLUMN signing_secret;

-- When a key was used last, apart from the keys themselves, since it is written
-- again and again. The key that the environment gives is here alone.
CREATE TABLE relay_store.key_uses (
    hash         bytea       NOT NULL,
    name         text        NOT NULL,
    last_used_at timestamptz NOT NULL,
    CONSTRAINT key_uses_pkey PRIMARY KEY (hash)
);

-- For the removal of what was kept long enough.
CREATE INDEX refused_requests_received ON relay_store.refused_requests (received_at);
CREATE INDEX rejected_received ON relay_store.rejected (received_at);

-- +goose Down
DROP INDEX relay_store.rejected_received, relay_store.refused_requests_received;
DROP TABLE relay_store.key_uses;
ALTER TABLE relay_store.api_keys ADD COLUMN signing_secret bytea;
UPDATE relay_store.api_keys k SET signing_secret = (SELECT secret FROM relay_store.signing_secrets s WHERE s.name = k.name ORDER BY id DESC LIMIT 1)
WHERE revoked_at IS NULL;
DROP TABLE relay_store.signing_secrets;
UPDATE relay_store.api_keys SET revoked_at = now() WHERE revoked_at IS NULL AND replaced_at IS NOT NULL;
DROP INDEX relay_store.api_keys_name;
ALTER TABLE relay_store.api_keys DROP COLUMN replaced_at;
CREATE UNIQUE INDEX api_keys_name ON relay_store.api_keys (name) WHERE revoked_at IS NULL;
