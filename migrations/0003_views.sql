-- +goose Up

-- A payload as jsonb for people. What jsonb refuses is shown as the projections
-- keep it (U+0000 and unpaired surrogates as U+FFFD); where even that does not
-- help (a number beyond numeric, very deep nesting), as one JSON string.
-- +goose StatementBegin
CREATE FUNCTION relay_store.body_json(payload bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    body text := convert_from(payload, 'UTF8');
BEGIN
    RETURN body::jsonb;
EXCEPTION WHEN OTHERS THEN
    BEGIN
        body := regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g');
        body := regexp_replace(body, '(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\1\2\3' || '\\ufffd', 'g');
        RETURN body::jsonb;
    EXCEPTION WHEN OTHERS THEN
        RETURN to_jsonb(convert_from(payload, 'UTF8'));
    END;
END
$$;
-- +goose StatementEnd

CREATE VIEW relay.payloads AS
SELECT "offset" AS log_offset, received_at, metadata ->> 'source' AS source, metadata ->> 'route' AS route,
       payload, relay_store.body_json(payload) AS body
FROM relay.log WHERE (kinds & 128) = 0;
COMMENT ON VIEW relay.payloads IS 'Every payload in the log, as it came';
COMMENT ON COLUMN relay.payloads.log_offset IS 'place in the log; later payloads have greater offsets';
COMMENT ON COLUMN relay.payloads.received_at IS 'when relay received the request';
COMMENT ON COLUMN relay.payloads.source IS 'name of the API key that sent it';
COMMENT ON COLUMN relay.payloads.route IS 'path as posted, without a last slash';
COMMENT ON COLUMN relay.payloads.payload IS 'the request body, byte for byte (decompressed)';
COMMENT ON COLUMN relay.payloads.body IS 'the payload as jsonb; U+0000 and unpaired surrogates shown as U+FFFD; a JSON string of the whole text where jsonb cannot hold it';

CREATE VIEW relay.mapping_versions AS
SELECT version, spec, note, created_at FROM relay_store.mapping_versions;
COMMENT ON VIEW relay.mapping_versions IS 'Every mapping version; versions are never edited';
COMMENT ON COLUMN relay.mapping_versions.version IS 'number of the version, from 1';
COMMENT ON COLUMN relay.mapping_versions.spec IS 'the mapping as JSON, in the shape of a mapping file';
COMMENT ON COLUMN relay.mapping_versions.note IS 'what whoever applied it wrote about it';
COMMENT ON COLUMN relay.mapping_versions.created_at IS 'when it was applied first';

CREATE VIEW relay.mapping_timeline AS
SELECT from_offset, to_offset, version, array_agg(projection ORDER BY projection) AS projections
FROM (SELECT projection, from_offset, version,
             lead(from_offset) OVER (PARTITION BY projection ORDER BY from_offset) AS to_offset
      FROM relay_store.timeline) t
GROUP BY from_offset, to_offset, version;
COMMENT ON VIEW relay.mapping_timeline IS 'Which mapping version holds for which stretch of the log';
COMMENT ON COLUMN relay.mapping_timeline.from_offset IS 'first log offset of the stretch';
COMMENT ON COLUMN relay.mapping_timeline.to_offset IS 'log offset where the next stretch begins; null: open';
COMMENT ON COLUMN relay.mapping_timeline.version IS 'the mapping version that holds there';
COMMENT ON COLUMN relay.mapping_timeline.projections IS 'the projections for which it holds; all of them, unless one was re-projected alone';

CREATE VIEW relay.reprojections AS
SELECT id, projections, from_offset, mapping_version, status, started_at, finished_at, done, total, error, phase
FROM relay_store.reprojections;
COMMENT ON VIEW relay.reprojections IS 'Every re-projection, running or ended';
COMMENT ON COLUMN relay.reprojections.id IS 'number of the re-projection';
COMMENT ON COLUMN relay.reprojections.projections IS 'what is rebuilt';
COMMENT ON COLUMN relay.reprojections.from_offset IS 'log offset from which the mapping version is applied';
COMMENT ON COLUMN relay.reprojections.mapping_version IS 'the mapping version that is applied';
COMMENT ON COLUMN relay.reprojections.status IS 'running, done, failed or cancelled';
COMMENT ON COLUMN relay.reprojections.started_at IS 'when it started';
COMMENT ON COLUMN relay.reprojections.finished_at IS 'when it ended; null while it runs';
COMMENT ON COLUMN relay.reprojections.done IS 'log rows read so far, over all projections';
COMMENT ON COLUMN relay.reprojections.total IS 'log rows to read';
COMMENT ON COLUMN relay.reprojections.error IS 'why it failed';
COMMENT ON COLUMN relay.reprojections.phase IS 'what it is doing: planning, loading, indexing, catching up, switching';

CREATE VIEW relay.requests AS
SELECT (uuid::text) COLLATE "C" AS request_id, received_at, metadata ->> 'source' AS source, 200 AS status, NULL::text AS code,
       octet_length(payload) AS bytes, coalesce((metadata ->> 'calls')::integer, 1) AS calls, "offset" AS log_offset
FROM relay.log WHERE (kinds & 128) = 0
UNION ALL
SELECT (request_id::text) COLLATE "C", received_at, source, status, code, bytes, calls, NULL::bigint
FROM relay_store.refused_requests;
COMMENT ON VIEW relay.requests IS 'Every authenticated request, accepted or not';
COMMENT ON COLUMN relay.requests.request_id IS 'the X-Request-Id of the reply';
COMMENT ON COLUMN relay.requests.received_at IS 'when relay received the request';
COMMENT ON COLUMN relay.requests.source IS 'name of the API key';
COMMENT ON COLUMN relay.requests.status IS 'HTTP status of the reply';
COMMENT ON COLUMN relay.requests.code IS 'error code of the reply; null when accepted';
COMMENT ON COLUMN relay.requests.bytes IS 'size of the body in bytes, decompressed';
COMMENT ON COLUMN relay.requests.calls IS 'calls in the payload, usable or not; 0 where it could not be read';
COMMENT ON COLUMN relay.requests.log_offset IS 'where the payload stands in the log; null where it was refused';

CREATE VIEW relay.rejected AS
SELECT id, (request_id::text) COLLATE "C" AS request_id, received_at, source, code, message, body, route, retried_at FROM relay_store.rejected;
COMMENT ON VIEW relay.rejected IS 'Request bodies that could not go into the log';
COMMENT ON COLUMN relay.rejected.id IS 'number of the rejected body';
COMMENT ON COLUMN relay.rejected.request_id IS 'the X-Request-Id of the reply';
COMMENT ON COLUMN relay.rejected.received_at IS 'when relay received the request';
COMMENT ON COLUMN relay.rejected.source IS 'name of the API key';
COMMENT ON COLUMN relay.rejected.code IS 'error code of the reply';
COMMENT ON COLUMN relay.rejected.message IS 'what was wrong and where';
COMMENT ON COLUMN relay.rejected.body IS 'the body as it came';
COMMENT ON COLUMN relay.rejected.route IS 'path as posted, without a last slash';
COMMENT ON COLUMN relay.rejected.retried_at IS 'when a retry put it into the log; null: not yet';

CREATE VIEW relay.issues AS
SELECT i.code, i.source, i.detail, sum(i.count)::bigint AS count, min(i.first_seen_at) AS first_seen_at,
       max(i.last_seen_at) AS last_seen_at, min(i.example_offset) AS example_offset
FROM relay_store.issues i JOIN relay_store.generations g ON g.id = i.generation AND g.status = 'serving'
GROUP BY i.code, i.source, i.detail;
COMMENT ON VIEW relay.issues IS 'What the projections had to ignore and why';
COMMENT ON COLUMN relay.issues.code IS 'what was wrong';
COMMENT ON COLUMN relay.issues.source IS 'name of the API key that sent it';
COMMENT ON COLUMN relay.issues.detail IS 'which field, and what it should be';
COMMENT ON COLUMN relay.issues.count IS 'how often';
COMMENT ON COLUMN relay.issues.first_seen_at IS 'received first';
COMMENT ON COLUMN relay.issues.last_seen_at IS 'received last';
COMMENT ON COLUMN relay.issues.example_offset IS 'log offset of the first payload with it; see relay.payloads';

CREATE VIEW relay.identities AS
SELECT NULL::text AS id, NULL::text AS kind, NULL::text AS distinct_id, NULL::timestamptz AS since WHERE false;
COMMENT ON VIEW relay.identities IS 'Whom other ids belong to; empty unless the mapping says identity: join';
COMMENT ON COLUMN relay.identities.id IS 'an anonymous id, or an aliased user id';
COMMENT ON COLUMN relay.identities.kind IS 'anonymous or user';
COMMENT ON COLUMN relay.identities.distinct_id IS 'the user it stands for';
COMMENT ON COLUMN relay.identities.since IS 'observed-at of the claim or alias that counts';

-- +goose Down
DROP VIEW relay.identities, relay.issues, relay.rejected, relay.requests, relay.reprojections, relay.mapping_timeline, relay.mapping_versions, relay.payloads;
DROP FUNCTION relay_store.body_json;
