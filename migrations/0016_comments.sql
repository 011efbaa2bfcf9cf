-- +goose Up

-- Comments only, in plainer words. Those of relay.profiles, profile_channels,
-- identities and events stand with the generations that make these views.
COMMENT ON SCHEMA relay IS 'The public views: query these. Their names and columns are stable over releases';
COMMENT ON SCHEMA relay_store IS 'Tables of relay itself, which may change with any release. Query the views in schema relay instead';

COMMENT ON TABLE relay.log IS 'The event log: every request body, byte for byte, in order of commit; append-only except for erasures. Query relay.payloads instead';
COMMENT ON COLUMN relay.log."offset" IS 'position in the log; offsets become visible in ascending order and can have gaps';
COMMENT ON COLUMN relay.log.uuid IS 'id of the request: the X-Request-Id of the reply';
COMMENT ON COLUMN relay.log.kinds IS 'bit set of the kinds of calls in the payload: 1 identify, 2 track, 4 page, 8 screen, 16 group, 32 alias, 64 delete, 128 control entry, 256 an unusable call, 512 a call with both ids';
COMMENT ON COLUMN relay.log.identity IS 'partition key: true for payloads with an identify, alias or delete call, and for control entries';
COMMENT ON COLUMN relay.log.payload IS 'the request body byte for byte, after decompression';
COMMENT ON COLUMN relay.log.metadata IS 'what only the request told: source, route, content type, number of calls; also the indexes of erased calls';

COMMENT ON VIEW relay.payloads IS 'One row for each payload in the log, as it came';
COMMENT ON COLUMN relay.payloads.log_offset IS 'position of the payload in the log; later payloads have greater offsets';
COMMENT ON COLUMN relay.payloads.source IS 'name of the API key that the payload was sent with';
COMMENT ON COLUMN relay.payloads.route IS 'path of the request, without a last slash';
COMMENT ON COLUMN relay.payloads.payload IS 'the request body byte for byte, after decompression; null stands in the place of each erased call';
COMMENT ON COLUMN relay.payloads.body IS 'the payload as jsonb, with U+FFFD for U+0000 and unpaired surrogates; a payload that jsonb cannot hold is one JSON string of its text';

COMMENT ON VIEW relay.mapping_versions IS 'One row for each mapping version; a version is never edited';
COMMENT ON COLUMN relay.mapping_versions.version IS 'number of the version, counted from 1, which is the default mapping';
COMMENT ON COLUMN relay.mapping_versions.spec IS 'the mapping as JSON, with the keys of a mapping file';
COMMENT ON COLUMN relay.mapping_versions.note IS 'the note that was given when the version was applied';
COMMENT ON COLUMN relay.mapping_versions.created_at IS 'when the version was first applied';

COMMENT ON VIEW relay.mapping_timeline IS 'Which mapping version applies to which part of the log';
COMMENT ON COLUMN relay.mapping_timeline.from_offset IS 'first log offset that the version applies to';
COMMENT ON COLUMN relay.mapping_timeline.to_offset IS 'log offset from which on the next version applies; null: no version follows';
COMMENT ON COLUMN relay.mapping_timeline.version IS 'number of the mapping version';
COMMENT ON COLUMN relay.mapping_timeline.projections IS 'the projections that read this part of the log under the version: all, unless one was re-projected alone';

COMMENT ON VIEW relay.reprojections IS 'One row for each re-projection, running or ended';
COMMENT ON COLUMN relay.reprojections.projections IS 'the projections that the mapping version is applied to';
COMMENT ON COLUMN relay.reprojections.from_offset IS 'log offset from which on the mapping version is applied';
COMMENT ON COLUMN relay.reprojections.mapping_version IS 'number of the mapping version';
COMMENT ON COLUMN relay.reprojections.started_at IS 'when the re-projection started';
COMMENT ON COLUMN relay.reprojections.finished_at IS 'when the re-projection ended; null: not yet';
COMMENT ON COLUMN relay.reprojections.done IS 'log rows read so far, of all rebuilt projections together';
COMMENT ON COLUMN relay.reprojections.total IS 'log rows to read, of all rebuilt projections together';
COMMENT ON COLUMN relay.reprojections.error IS 'why the re-projection failed or waits, and what to do';
COMMENT ON COLUMN relay.reprojections.phase IS 'current step: planning, loading, indexing, catching up or switching';
COMMENT ON COLUMN relay.reprojections.rebuilt IS 'the projections that are rebuilt because their rows change';
COMMENT ON COLUMN relay.reprojections.undoes IS 'id of the re-projection that this one undoes; null: none';
COMMENT ON COLUMN relay.reprojections.calls_per_second IS 'calls read per second since the start or the last resume';
COMMENT ON COLUMN relay.reprojections.issues IS 'issues found so far';
COMMENT ON COLUMN relay.reprojections.live_rows_per_second IS 'log rows per second that the live projections read meanwhile';
COMMENT ON COLUMN relay.reprojections.live_lag_seconds IS 'age of the oldest log row that the live projections have not read yet';
COMMENT ON COLUMN relay.reprojections.expected_at IS 'when the log will have been read, at the rate so far; null: unknown';

COMMENT ON VIEW relay.requests IS 'One row for each authenticated request, accepted or refused';
COMMENT ON COLUMN relay.requests.request_id IS 'X-Request-Id of the reply';
COMMENT ON COLUMN relay.requests.source IS 'name of the API key that the request was sent with';
COMMENT ON COLUMN relay.requests.code IS 'error code of the reply; null: accepted';
COMMENT ON COLUMN relay.requests.bytes IS 'size of the body in bytes, after decompression';
COMMENT ON COLUMN relay.requests.calls IS 'number of calls in the payload, unusable ones included; 0: the body could not be read';
COMMENT ON COLUMN relay.requests.log_offset IS 'log offset of the payload; null: the request was refused';

COMMENT ON VIEW relay.rejected IS 'One row for each rejected request body: kept, but not in the log';
COMMENT ON COLUMN relay.rejected.request_id IS 'X-Request-Id of the reply';
COMMENT ON COLUMN relay.rejected.source IS 'name of the API key that the body was sent with';
COMMENT ON COLUMN relay.rejected.message IS 'what is wrong with the body, and where';
COMMENT ON COLUMN relay.rejected.body IS 'the request body as it came';
COMMENT ON COLUMN relay.rejected.route IS 'path of the request, without a last slash';
COMMENT ON COLUMN relay.rejected.retried_at IS 'when a retry wrote the body to the log; null: not yet';

COMMENT ON VIEW relay.issues IS 'What the served projections ignored, and why: one row for each problem, field and source';
COMMENT ON COLUMN relay.issues.code IS 'the problem, such as bad_email or no_id';
COMMENT ON COLUMN relay.issues.source IS 'name of the API key that the payloads were sent with';
COMMENT ON COLUMN relay.issues.detail IS 'the field, and what it should hold';
COMMENT ON COLUMN relay.issues.count IS 'how often the problem occurred';
COMMENT ON COLUMN relay.issues.first_seen_at IS 'when relay received the first payload with the problem';
COMMENT ON COLUMN relay.issues.last_seen_at IS 'when relay received the last payload with the problem';
COMMENT ON COLUMN relay.issues.example_offset IS 'log offset of the first payload with the problem; relay.payloads shows that payload';

-- +goose Down
-- The former comments are not restored.
SELECT 1;
