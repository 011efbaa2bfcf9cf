package ingeststore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"relay/adapters/postgres/postgrestest"

	"relay/adapters/embeddedpg/pgtest"
	"relay/adapters/postgres"
	"relay/app"
	"relay/app/ingest"
	"relay/migrations"
)

// TestNewKeysAreKnownAtOnce: a key that was made a moment ago is never answered
// as unknown, however many unknown ones are shown meanwhile.
func TestNewKeysAreKnownAtOnce(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	keys, ring := Keys{DB: db}, NewKeyRing(db, "", slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := find(ctx, ring, "unknown"); ctx.Err() == nil && !errors.Is(err, app.ErrUnknownKey) {
					t.Errorf("an unknown key: %v", err)
					return
				}
			}
		})
	}
	for i := range 10 {
		name := fmt.Sprintf("key-%d", i)
		if err := keys.Create(t.Context(), name, "secret of "+name, nil); err != nil {
			t.Fatal(err)
		}
		if key, err := find(t.Context(), ring, "secret of "+name); err != nil || key.Name != name {
			t.Errorf("%s is found as %+v, %v", name, key, err)
		}
	}
	stop()
	wg.Wait()
}

// TestFindKnowsTheLastChange goes through the life of a key.
func TestFindKnowsTheLastChange(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	keys, secrets, ring := Keys{DB: db}, SigningSecrets{DB: db}, NewKeyRing(db, "of the environment", slog.New(slog.DiscardHandler))
	ctx := t.Context()
	check := func(step, secret, want string) {
		t.Helper()
		key, err := ring.Find(ctx, secret)
		got := key.Name
		for _, s := range key.SigningSecrets {
			got += " " + string(s.Secret)
		}
		if errors.Is(err, app.ErrUnknownKey) {
			got = "unknown"
		} else if err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check("before there is one", "k1", "unknown")
	must(keys.Create(ctx, "web", "k1", []byte("s1")))
	check("created", "k1", "web s1")
	must(secrets.Add(ctx, "web", []byte("s2")))
	check("with a second secret", "k1", "web s1 s2")
	must(keys.Replace(ctx, "web", "k2"))
	check("replaced", "k1", "web s1 s2")
	check("in its place", "k2", "web s1 s2")
	list, err := secrets.List(ctx, "web")
	must(err)
	left, err := secrets.Remove(ctx, "web", list[0].ID)
	must(err)
	check("with a secret removed", "k2", "web s2")
	if left != 1 {
		t.Errorf("%d secrets left, want 1", left)
	}
	_, err = keys.Revoke(ctx, "web", true)
	must(err)
	check("the replaced one revoked", "k1", "unknown")
	check("the one in its place", "k2", "web s2")
	_, err = keys.Revoke(ctx, "web", false)
	must(err)
	check("revoked", "k2", "unknown")
	must(keys.Create(ctx, "web", "k3", nil))
	check("another of the name, later", "k3", "web")
	check("the environment's", "of the environment", "env")
	for what, err := range map[string]error{
		"create one that is there": keys.Create(ctx, "web", "k4", nil),
		"add the same secret":      errors.Join(secrets.Add(ctx, "web", []byte("s")), secrets.Add(ctx, "web", []byte("s"))),
	} {
		if !errors.Is(err, ingest.ErrExists) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, noReplaced := keys.Revoke(ctx, "web", true)
	_, noSecret := secrets.Remove(ctx, "web", 99)
	_, noList := secrets.List(ctx, "other")
	for what, err := range map[string]error{
		"replace none": keys.Replace(ctx, "other", "k5"), "revoke no replaced one": noReplaced,
		"add a secret to none": secrets.Add(ctx, "other", []byte("s")), "remove no secret": noSecret, "list those of none": noList,
	} {
		if !errors.Is(err, app.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestKeysWithoutTheirStore: known keys hold, and unknown ones are not certain.
func TestKeysWithoutTheirStore(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	ring := NewKeyRing(db, "of the environment", slog.New(slog.DiscardHandler))
	if err := (Keys{DB: db}).Create(t.Context(), "web", "k1", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := find(t.Context(), ring, "k1"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for _, secret := range []string{"k1", "of the environment"} {
		if _, err := find(t.Context(), ring, secret); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if _, err := find(t.Context(), ring, "k2"); !errors.Is(err, app.ErrUnavailable) {
		t.Errorf("one that nobody knows: %v", err)
	}
}

// TestUsesAreWrittenDown: what is newer stays, whoever writes it.
func TestUsesAreWrittenDown(t *testing.T) {
	t.Parallel()
	db := postgrestest.OpenMigrated(t)
	keys, secrets := Keys{DB: db}, SigningSecrets{DB: db}
	first, second := NewKeyRing(db, "e", slog.New(slog.DiscardHandler)), NewKeyRing(db, "e", slog.New(slog.DiscardHandler))
	if err := keys.Create(t.Context(), "web", "k1", []byte("s")); err != nil {
		t.Fatal(err)
	}
	for _, ring := range []*KeyRing{first, second} {
		key, err := find(t.Context(), ring, "k1")
		if err != nil {
			t.Fatal(err)
		}
		ring.Signed(key.SigningSecrets[0].ID)
		if _, err := find(t.Context(), ring, "e"); err != nil {
			t.Fatal(err)
		}
	}
	used := func() string {
		t.Helper()
		list, err := keys.List(t.Context())
		if err != nil || len(list) != 2 || list[1].Name != "env" {
			t.Fatalf("keys %+v, %v", list, err)
		}
		signed, err := secrets.List(t.Context(), "web")
		if err != nil || len(signed) != 1 {
			t.Fatalf("secrets %+v, %v", signed, err)
		}
		return fmt.Sprint(list[0].LastUsedAt.UnixMicro(), list[1].LastUsedAt.UnixMicro(), signed[0].LastUsedAt.UnixMicro())
	}
	second.writeUses(t.Context())
	newer := used()
	first.writeUses(t.Context())
	if got := used(); got != newer {
		t.Errorf("used at %s, and an older use made that %s", newer, got)
	}
	if _, err := find(t.Context(), first, "k1"); err != nil {
		t.Fatal(err)
	}
	first.writeUses(t.Context())
	if got := used(); got == newer {
		t.Error("a newer use was not written down")
	}
}

// TestMigrationKeepsSigningSecrets: those of before there could be several.
func TestMigrationKeepsSigningSecrets(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t)
	before := fstest.MapFS{}
	for _, name := range []string{"0001_log.sql", "0002_state.sql"} {
		data, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: data}
	}
	if _, err := postgres.Migrate(t.Context(), db, before); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO relay_store.api_keys (name, hash, signing_secret, revoked_at)
VALUES ('web', $1, 'older', NULL), ('gone', '', 'x', now())`, hashOf("k1")); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(t.Context(), db, migrations.FS); err != nil {
		t.Fatal(err)
	}
	key, err := find(t.Context(), NewKeyRing(db, "", slog.New(slog.DiscardHandler)), "k1")
	if err != nil || len(key.SigningSecrets) != 1 || string(key.SigningSecrets[0].Secret) != "older" {
		t.Errorf("the key is %+v, %v", key, err)
	}
	var left int
	if err := db.QueryRow(`SELECT count(*) FROM relay_store.signing_secrets`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d signing secrets, %v; want that of the key that is not revoked", left, err)
	}
}

// TestKeysWhileTheServerHangs: a server that is there and answers nothing, not
// even that a query was to stop, makes nobody wait longer than they would.
func TestKeysWhileTheServerHangs(t *testing.T) {
	t.Parallel()
	url, server := pgtest.Stallable(t, pgtest.New(t, postgrestest.Migrate))
	db := postgrestest.OpenURL(t, url)
	ring := NewKeyRing(db, "", slog.New(slog.DiscardHandler))
	find := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := find(ctx, ring, "unknown")
		return err
	}
	if err := find(time.Minute); !errors.Is(err, app.ErrUnknownKey) {
		t.Fatalf("the key is %v", err)
	}
	server.While(func() {
		for range 2 { // the second finds the first one's reading under way
			found := make(chan error, 1)
			go func() { found <- find(100 * time.Millisecond) }()
			select {
			case err := <-found:
				if errors.Is(err, app.ErrUnknownKey) || !errors.Is(err, app.ErrUnavailable) {
					t.Errorf("the key is %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it waits for the server")
			}
		}
	})
	if err := find(time.Minute); !errors.Is(err, app.ErrUnknownKey) {
		t.Errorf("when the server goes on, the key is %v", err)
	}
}

// find looks a key up as the handler does: in memory first.
func find(ctx context.Context, ring *KeyRing, secret string) (ingest.Key, error) {
	if key, ok := ring.Known(secret); ok {
		return key, nil
	}
	return ring.Find(ctx, secret)
}
