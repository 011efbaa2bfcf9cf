-- +goose Up
ALTER TABLE relay_store.reprojections ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE relay_store.reprojections DROP COLUMN cancel_requested;
