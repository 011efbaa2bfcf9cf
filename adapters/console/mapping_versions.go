package console

import (
	"net/http"
	"slices"

	"relay/app"
	"relay/domain/mapping"
)

type versionsData struct {
	Current  int
	Versions []versionRow // the newest first
	History  []app.MappingChange
	Spans    []spanRow
	A, B     int // versions that are compared; 0: none
	Compared []mapping.Change
}

type versionRow struct {
	mapping.Version
	First   int64            // log offset from which it applied first
	Former  int              // the version that was in force before; 0: none
	Changes []mapping.Change // from that version
}

type spanRow struct {
	Projection string
	From       int64
	Version    int
}

// mappingVersions shows every version, what was done to the mapping when, and
// where each version applies.
func (c *Console) mappingVersions(r *http.Request) (*page, error) {
	versions, history, err := c.config.Mappings.History(r.Context())
	if err != nil {
		return nil, err
	}
	data := versionsData{Current: history.Current().Number, History: history.MappingChanges()}
	for _, v := range versions {
		row := versionRow{Version: v, First: int64(history.Activated[v.Number])}
		for _, change := range data.History {
			if change.Kind == app.ChangeApplied && change.Version == v.Number {
				row.Former, row.Changes = change.Former, change.Changes
			}
		}
		data.Versions = append(data.Versions, row)
	}
	slices.Reverse(data.Versions)
	slices.Reverse(data.History)
	for _, name := range c.config.Mappings.Projections {
		for _, span := range history.Timelines.Of(name).Spans() {
			data.Spans = append(data.Spans, spanRow{name, int64(span.From), span.Version})
		}
	}
	if err := data.compare(r, history); err != nil {
		return nil, err
	}
	return &page{Status: http.StatusOK, Template: "versions.html", Title: "Mapping versions", Data: data}, nil
}

// compare reads which two versions are to be compared.
func (d *versionsData) compare(r *http.Request, history app.History) error {
	if r.FormValue("a") == "" {
		return nil
	}
	for name, version := range map[string]*int{"a": &d.A, "b": &d.B} {
		n, err := whole(r.FormValue(name), name)
		if err != nil {
			return err
		}
		if _, ok := history.Versions[int(n)]; !ok {
			return notFound("mapping version " + r.FormValue(name))
		}
		*version = int(n)
	}
	d.Compared = mapping.Diff(history.Versions[d.A].Spec, history.Versions[d.B].Spec)
	return nil
}

// rollbackMapping makes an earlier version hold again.
func (c *Console) rollbackMapping(r *http.Request) (*page, error) {
	base, err := whole(r.PostFormValue("base"), "base")
	if err != nil {
		return nil, err
	}
	version, err := whole(r.PostFormValue("version"), "version")
	if err != nil {
		return nil, err
	}
	if _, err := c.config.Mappings.RollbackFrom(r.Context(), int(base), int(version)); err != nil {
		return nil, err
	}
	return redirect("/mapping/versions?done=rolledback"), nil
}
