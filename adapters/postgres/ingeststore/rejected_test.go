package ingeststore

import (
	"context"
	"testing"
	"time"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres/postgrestest"
	"relay/app/ingest"
)

// TestKeepWhileTheServerHangs: a body that cannot be kept is told before the
// sender's time is over, so that the answer is in time too.
func TestKeepWhileTheServerHangs(t *testing.T) {
	t.Parallel()
	url, server := pgtest.Stallable(t, pgtest.New(t, postgrestest.Migrate))
	db := postgrestest.OpenURL(t, url)
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.While(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := Rejected{DB: db}.Keep(ctx, ingest.RejectedBody{RequestID: "01890a5d-ac96-774b-bcce-b302099a8057", Body: []byte("x")})
		if err == nil || ctx.Err() != nil {
			t.Errorf("Keep returned %v, and the sender's time is %v", err, ctx.Err())
		}
	})
}
