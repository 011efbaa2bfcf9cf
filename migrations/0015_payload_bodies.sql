-- +goose Up

-- It catches errors, which begins a subtransaction, and no worker or leader of a
-- parallel query may do that. Queries of relay.payloads are not parallel then,
-- even those that ask for no body.
ALTER FUNCTION relay_store.body_json(bytea) PARALLEL UNSAFE;

-- +goose Down
ALTER FUNCTION relay_store.body_json(bytea) PARALLEL SAFE;
