-- +goose Up

-- The console's password, as a bcrypt hash; at most one row.
CREATE TABLE relay_store.admin_password (
    only_one boolean     NOT NULL DEFAULT true,
    hash     text        NOT NULL,
    set_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT admin_password_pkey PRIMARY KEY (only_one),
    CONSTRAINT admin_password_only_one CHECK (only_one)
);

-- +goose Down
DROP TABLE relay_store.admin_password;
