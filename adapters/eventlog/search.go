package eventlog

import (
	"context"
	"encoding/json"
	"strings"

	"relay/app"
	"relay/domain/eventlog"
	"relay/domain/segment"
)

var _ app.LogSearcher = Reader{}

// Search implements app.LogSearcher. The server looks for the bytes, so that
// what it is not about never leaves it.
func (Reader) Search(ctx context.Context, tx app.Tx, r eventlog.Range, kinds segment.Kinds, id string, each func(*eventlog.Entry) error) error {
	f := newFrames(tx, r, kinds, each)
	defer f.close()
	needle, escape := searchFor(id)
	query := strings.Replace(f.reading.rows, " ORDER BY", " AND (position($4 IN payload) > 0 OR position($5 IN payload) > 0) ORDER BY", 1)
	return f.query(ctx, &f.rows, query, r.UpTo, int64(r.After), int64(r.UpTo), int64(kinds), needle, escape)
}

// searchFor returns the bytes of which one or the other is in every payload
// that holds the id as a string or a number: the id as it is written without
// escapes, and what begins the escapes that could spell it.
func searchFor(id string) (needle, escape []byte) {
	needle = []byte(`"` + id + `"`)
	if json.Valid([]byte(id)) {
		needle = []byte(id) // it may be a number
	}
	if strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '/' }) {
		return needle, []byte(`\`)
	}
	return needle, []byte(`\u`) // no shorter escape stands for anything else
}
