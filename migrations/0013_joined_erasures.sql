-- +goose Up
-- Where mappings join ids, an erasure takes what anonymous ids contributed, and
-- claims and aliases, from a generation that is being loaded too.
ALTER TABLE relay_store.pending_erasures
    ADD COLUMN anonymous text[] NOT NULL DEFAULT '{}',
    ADD COLUMN claims    text[] NOT NULL DEFAULT '{}',
    ADD COLUMN aliases   text[] NOT NULL DEFAULT '{}';

-- All ids of a person are suppressed together, and taken in again together:
-- person is the HMAC of the id that the person was suppressed by.
ALTER TABLE relay_store.suppressed ADD COLUMN person bytea;
UPDATE relay_store.suppressed SET person = hash;
ALTER TABLE relay_store.suppressed
    ALTER COLUMN person SET NOT NULL,
    DROP CONSTRAINT suppressed_pkey,
    ADD CONSTRAINT suppressed_pkey PRIMARY KEY (hash, person);

-- +goose Down
DELETE FROM relay_store.suppressed s WHERE EXISTS (SELECT FROM relay_store.suppressed t WHERE t.hash = s.hash AND t.person < s.person);
ALTER TABLE relay_store.suppressed
    DROP CONSTRAINT suppressed_pkey,
    DROP COLUMN person,
    ADD CONSTRAINT suppressed_pkey PRIMARY KEY (hash);
ALTER TABLE relay_store.pending_erasures DROP COLUMN anonymous, DROP COLUMN claims, DROP COLUMN aliases;
