-- +goose Up
CREATE TABLE relay_store.api_keys (
    name           text        NOT NULL,
    hash           bytea       NOT NULL,
    signing_secret bytea,
    created_at     timestamptz NOT NULL DEFAULT now(),
    revoked_at     timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (hash)
);
CREATE UNIQUE INDEX api_keys_name ON relay_store.api_keys (name) WHERE revoked_at IS NULL;

CREATE TABLE relay_store.rejected (
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    request_id  uuid        NOT NULL,
    received_at timestamptz NOT NULL,
    source      text        NOT NULL,
    route       text        NOT NULL,
    code        text        NOT NULL,
    message     text        NOT NULL,
    body        bytea       NOT NULL,
    retried_at  timestamptz,
    CONSTRAINT rejected_pkey PRIMARY KEY (id)
);

-- Requests that did not reach the log; those that did are known from it.
CREATE TABLE relay_store.refused_requests (
    request_id  uuid        NOT NULL,
    received_at timestamptz NOT NULL,
    source      text        NOT NULL,
    status      integer     NOT NULL,
    code        text        NOT NULL,
    bytes       integer     NOT NULL,
    calls       integer     NOT NULL,
    CONSTRAINT refused_requests_pkey PRIMARY KEY (request_id)
);

-- A generation is one set of a projection's tables. Its checkpoint is the log
-- offset up to which they hold everything, and moves with their rows.
CREATE TABLE relay_store.generations (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    projection      text        NOT NULL,
    status          text        NOT NULL,
    checkpoint      bigint      NOT NULL DEFAULT 0,
    checkpoint_at   timestamptz NOT NULL DEFAULT now(),
    rules_version   integer     NOT NULL,
    reprojection_id bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT generations_pkey PRIMARY KEY (id),
    CONSTRAINT generations_status CHECK (status IN ('building', 'serving', 'former'))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX generations_serving ON relay_store.generations (projection) WHERE status = 'serving';

-- What a generation's fold had to ignore, by kind and never by person.
CREATE TABLE relay_store.issues (
    generation     bigint      NOT NULL,
    code           text        NOT NULL,
    source         text        NOT NULL,
    detail         text        NOT NULL,
    count          bigint      NOT NULL,
    first_seen_at  timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    example_offset bigint      NOT NULL,
    CONSTRAINT issues_pkey PRIMARY KEY (generation, code, source, detail)
);

-- The mapping timeline of each projection, as folded from the control entries.
CREATE TABLE relay_store.timeline (
    projection  text    NOT NULL,
    from_offset bigint  NOT NULL,
    version     integer NOT NULL,
    CONSTRAINT timeline_pkey PRIMARY KEY (projection, from_offset)
);

CREATE TABLE relay_store.mapping_versions (
    version    integer     NOT NULL,
    spec       jsonb       NOT NULL,
    note       text        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT mapping_versions_pkey PRIMARY KEY (version)
);

CREATE TABLE relay_store.reprojections (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    projections     text[]      NOT NULL,
    from_offset     bigint      NOT NULL,
    mapping_version integer     NOT NULL,
    as_of           bigint      NOT NULL,
    status          text        NOT NULL,
    phase           text        NOT NULL,
    owner           text        NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    done            bigint      NOT NULL DEFAULT 0,
    total           bigint      NOT NULL DEFAULT 0,
    error           text,
    CONSTRAINT reprojections_pkey PRIMARY KEY (id),
    CONSTRAINT reprojections_status CHECK (status IN ('running', 'done', 'failed', 'cancelled'))
);

-- +goose Down
DROP TABLE relay_store.reprojections, relay_store.mapping_versions, relay_store.timeline, relay_store.issues,
    relay_store.generations, relay_store.refused_requests, relay_store.rejected, relay_store.api_keys;
