package lookupstore

import "testing"

// TestURLAs: a connection string for another user is the same but for who
// connects, and tells nothing of relay's own user.
func TestURLAs(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://relay:secret@db.example:6432/events?sslmode=require": "postgres://bi:pw@db.example:6432/events?sslmode=require",
		"postgres://relay:secret@:5432/events?host=%2Frun%2Fx":           "postgres://bi:pw@:5432/events?host=%2Frun%2Fx",
		"postgresql://db/?user=relay&password=secret&sslkey=k":           "postgresql://bi:pw@db/events",
		"host=db port=6432 user=relay password='se cr\\'et' dbname=old":  "host=db port=6432 dbname='events' user=bi password=pw",
		"host = '/run/x y'  user = relay":                                "host='/run/x y' dbname='events' user=bi password=pw",
	} {
		if got, err := urlAs(given, "events", "bi", "pw"); err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", given, got, err, want)
		}
	}
}
