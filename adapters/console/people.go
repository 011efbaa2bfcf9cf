package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"relay/app/erasure"
	"relay/app/lookup"
)

// mostPeople is how many people a search shows.
const mostPeople = 25

type peopleData struct {
	Text      string
	Searched  bool
	Everybody bool // whether all people were to be looked at, however long it takes
	lookup.PersonSearch
}

// people searches for people.
func (c *Console) people(r *http.Request) (_ *page, err error) {
	data := peopleData{Text: strings.TrimSpace(r.FormValue("q")), Everybody: r.FormValue("everybody") != ""}
	data.Searched = data.Text != ""
	// No text finds the first ones by id.
	if data.PersonSearch, err = c.config.People.Search(r.Context(), data.Text, mostPeople, data.Everybody); err != nil {
		return nil, err
	}
	return &page{Status: http.StatusOK, Template: "people.html", Title: "People", Data: data}, nil
}

type personData struct {
	lookup.Person
	Properties, Preferences []personValue
	Wrong                   string // why nothing was erased
}

// personValue is a property or a preference, and the call that it came from.
type personValue struct {
	Name, Value string
	Origin      lookup.Origin
}

func (c *Console) person(r *http.Request) (*page, error) {
	return c.showPerson(r, http.StatusOK, r.FormValue("id"), "")
}

func (c *Console) showPerson(r *http.Request, status int, id, wrong string) (*page, error) {
	person, err := c.config.People.Person(r.Context(), id)
	if err != nil {
		return nil, err
	}
	data := personData{Person: person, Wrong: wrong}
	if err := data.addValues(); err != nil {
		return nil, err
	}
	return &page{Status: status, Template: "person.html", Title: "Person " + person.ID, Data: data}, nil
}

// addValues lists the properties by key, and the preferences that are set.
func (d *personData) addValues() error {
	profile := d.Profile
	if profile == nil {
		return nil
	}
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(profile.Properties, &properties); err != nil {
		return fmt.Errorf("read the properties of %q: %w", d.ID, err)
	}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		d.Properties = append(d.Properties, personValue{key, string(properties[key]), d.Origins.Properties[key]})
	}
	for _, p := range []struct {
		name, column string
		value        *string
	}{
		{"language", "preferred_language", profile.PreferredLanguage},
		{"locale", "locale", profile.Locale},
		{"timezone", "timezone", profile.Timezone},
	} {
		if p.value != nil {
			d.Preferences = append(d.Preferences, personValue{p.name, *p.value, d.Origins.Preferences[p.column]})
		}
	}
	return nil
}

// apiPerson is a person as relay profiles show prints one.
func (c *Console) apiPerson(w http.ResponseWriter, r *http.Request) {
	person, err := c.config.People.Person(r.Context(), r.FormValue("id"))
	answer(w, http.StatusOK, person, err)
}

// exportPerson sends everything about a person as JSON lines.
func (c *Console) exportPerson(w http.ResponseWriter, r *http.Request) error {
	id, began := r.FormValue("id"), false
	lines, err := c.config.Exporter.Export(r.Context(), id, func(line []byte) error {
		if !began {
			began = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("Content-Disposition", `attachment; filename="person.jsonl"; filename*=UTF-8''`+url.PathEscape(id)+".jsonl")
		}
		_, err := fmt.Fprintf(w, "%s\n", line)
		return err
	})
	switch {
	case err != nil && began:
		panic(http.ErrAbortHandler) // the receiver must not take a part for the whole
	case err == nil && lines == 0:
		return notFound(fmt.Sprintf("person %q", id))
	}
	return err
}

type forgottenData struct {
	ID string
	erasure.Forgotten
}

// forgetPerson erases a person, whose id has to be typed to confirm it.
func (c *Console) forgetPerson(r *http.Request) (_ *page, err error) {
	id := r.PostFormValue("id")
	if id == "" || r.PostFormValue("confirm") != id {
		return c.showPerson(r, http.StatusBadRequest, id, "Nothing was erased: the typed text is not the person's id.")
	}
	data := forgottenData{ID: id}
	if r.PostFormValue("suppress") != "" {
		data.Forgotten, err = c.config.Suppressor.Run(r.Context(), id)
	} else {
		data.Forgotten, err = c.config.Suppressor.Forgetter.Forget(r.Context(), erasure.Person{ID: id})
	}
	if err != nil {
		return nil, err
	}
	return &page{Status: http.StatusOK, Template: "forgotten.html", Title: "Erased", Data: data}, nil
}
