package app_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"relay/adapters/postgres/lookupstore"
	"relay/app/lookup"
	"relay/domain/mapping"
	"relay/domain/profile"
)

// TestSearchPeople: people are found by what they are known by, before and after
// a re-projection and however ids are joined.
func TestSearchPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t, reaching(mapping.Off))
	w.append(t, time.Now(), "/v1/batch",
		`[{"type":"identify","userId":"ann","anonymousId":"a-1","traits":{"email":"ann@example.com","plan":"pro","address":{"city":"Ulm"},"age":41}}]`,
		`[{"type":"identify","userId":"anton","traits":{"phone":"+4915112345678","plan":"pro"}}]`,
		`[{"type":"identify","userId":"bob","traits":{"email":"bob@example.com"}},{"type":"identify","userId":"bob","traits":{"email":"bob@work.example"}}]`)
	w.drain(t)
	finds := map[string]string{
		"ann": "[ann]", "an": "[ann anton]", "nobody": "[]", "": "[ann anton bob]",
		"ann@example.com": "[ann]", "+4915112345678": "[anton]", "bob@example.com": "[bob]", "bob@work.example": "[bob]", "@example.com": "[]",
		"pro": "[ann anton]", "plan=pro": "[ann anton]", "address.city=Ulm": "[ann]", "age=41": "[ann]", "plan=free": "[]",
	}
	w.searches(t, finds)
	w.index(t, true)
	w.index(t, false) // it is there
	w.exec(t, `UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT c.oid FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'gin' AND c.relname LIKE 'channels_g%')`)
	w.index(t, true) // an interrupted attempt left what is of no use
	w.index(t, false)
	w.searches(t, finds)
	w.reproject(t, "beginning", w.all)
	w.searches(t, finds)
	w.index(t, false) // a re-projection ended just now
	w.exec(t, `UPDATE relay_store.reprojections SET finished_at = finished_at - interval '2 minutes'`)
	w.index(t, true)
	w.apply(t, reaching(mapping.Join))
	w.append(t, time.Now(), "/v1/batch", `[{"type":"alias","previousId":"anton","userId":"bob"}]`)
	w.reproject(t, "beginning", w.all)
	w.exec(t, `UPDATE relay_store.reprojections SET finished_at = finished_at - interval '2 minutes'`)
	w.index(t, true)
	finds["a-1"], finds["anton"], finds["an"] = "[ann]", "[bob]", "[ann]"
	finds["+4915112345678"], finds[""], finds["pro"], finds["plan=pro"] = "[bob]", "[ann bob]", "[ann bob]", "[ann bob]"
	w.searches(t, finds)
}

// index has the search index made if it is missing.
func (w *world) index(t *testing.T, missing bool) {
	t.Helper()
	made, err := (lookupstore.SearchIndex{DB: w.db}).Ensure(context.Background())
	if err != nil || made != missing {
		t.Fatalf("the search index was made: %t, want %t; %v", made, missing, err)
	}
}

// reaching maps an email and a phone.
func reaching(identity mapping.Identity) mapping.Spec {
	spec := mapping.Spec{Events: mapping.EventKinds, Identity: identity}
	spec.Channels[profile.Email], spec.Channels[profile.SMS] = []string{"email"}, []string{"phone"}
	return spec
}

// speaking maps a language, too.
func speaking(spec mapping.Spec) mapping.Spec {
	spec.Preferences[profile.Language] = "language"
	return spec
}

// searches holds searches against the ids that they are to find.
func (w *world) searches(t *testing.T, finds map[string]string) {
	t.Helper()
	for text, want := range finds {
		found, err := (lookupstore.People{DB: w.db}).Search(context.Background(), text, 10, true)
		if err != nil {
			t.Fatalf("search %q: %v", text, err)
		}
		if got := fmt.Sprint(idsOf(found.People)); got != want || found.CutShort {
			t.Errorf("search %q: found %s, want %s; cut short: %t", text, got, want, found.CutShort)
		}
	}
}

func idsOf(people []lookup.PersonHit) []string {
	ids := []string{}
	for _, hit := range people {
		ids = append(ids, hit.ID)
	}
	slices.Sort(ids)
	return ids
}
