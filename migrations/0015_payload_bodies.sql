-- +goose Up

-- It catches errors, which begins a subtransaction, and no worker or leader of a
-- parallel query may do that.
ALTER FUNCTION relay_store.body_json(bytea) PARALLEL UNSAFE;

-- +goose Down
ALTER FUNCTION relay_store.body_json(bytea) PARALLEL SAFE;
