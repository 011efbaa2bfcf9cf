package console

import (
	"fmt"
	"net/http"
	"net/url"
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

// people searches for persons.
func (c Config) people(w http.ResponseWriter, r *http.Request) (err error) {
	data := peopleData{Text: strings.TrimSpace(r.FormValue("q")), Everybody: r.FormValue("everybody") != ""}
	data.Searched = data.Text != ""
	if data.PersonSearch, err = c.People.Search(r.Context(), data.Text, mostPeople, data.Everybody); err != nil { // no text: the first ones by id
		return err
	}
	c.render(w, r, http.StatusOK, "people.html", "People", data)
	return nil
}

type personData struct {
	lookup.PersonDetail
	Wrong string // why nothing was erased
}

func (c Config) person(w http.ResponseWriter, r *http.Request) error {
	return c.showPerson(w, r, http.StatusOK, r.FormValue("id"), "")
}

func (c Config) showPerson(w http.ResponseWriter, r *http.Request, status int, id, wrong string) error {
	detail, err := c.People.Detail(r.Context(), id)
	if err != nil {
		return err
	}
	c.render(w, r, status, "person.html", "Person "+detail.ID, personData{detail, wrong})
	return nil
}

// exportPerson sends everything about a person as JSON lines.
func (c Config) exportPerson(w http.ResponseWriter, r *http.Request) error {
	id, began := r.FormValue("id"), false
	lines, err := c.Exporter.Export(r.Context(), id, func(line []byte) error {
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
		panic(http.ErrAbortHandler) // the reader must not take a part for all of it
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
func (c Config) forgetPerson(w http.ResponseWriter, r *http.Request) (err error) {
	id := r.PostFormValue("id")
	if id == "" || r.PostFormValue("confirm") != id {
		return c.showPerson(w, r, http.StatusBadRequest, id, "Nothing was erased: what was typed is not the person's id.")
	}
	data := forgottenData{ID: id}
	if r.PostFormValue("suppress") != "" {
		data.Forgotten, err = c.Suppressor.Run(r.Context(), id)
	} else {
		data.Forgotten, err = c.Suppressor.Forgetter.Forget(r.Context(), []erasure.Person{{ID: id}}, false, nil)
	}
	if err != nil {
		return err
	}
	c.render(w, r, http.StatusOK, "forgotten.html", "Erased", data)
	return nil
}
