package app_test

import (
	"strings"
	"testing"

	"relay/adapters/postgres/lookupstore"
)

// TestDoctorOnLeftovers: who finds what a dead process left is told how to get
// rid of it, or to go on with it where that can be done.
func TestDoctorOnLeftovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `INSERT INTO relay_store.generations (projection, status, rules_version, reprojection_id) VALUES ('events', 'building', 1, NULL), ('profiles', 'building', 1, 7)`)
	findings, err := (lookupstore.Doctor{DB: w.db}).Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	advice := map[string]string{} // by projection
	for _, f := range findings {
		for _, projection := range []string{"events", "profiles"} {
			if strings.Contains(f.What, "of "+projection+" is left over") {
				advice[projection] = f.What + ": " + f.Do
			}
		}
	}
	if got := advice["events"]; !strings.Contains(got, "verification or dry run") || strings.Contains(got, "--resume") {
		t.Errorf("of what a check left: %q", got)
	}
	if got := advice["profiles"]; !strings.Contains(got, "from a re-projection") || !strings.Contains(got, "--resume") {
		t.Errorf("of what a re-projection left: %q", got)
	}
}
