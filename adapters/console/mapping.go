package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"relay/app"
	"relay/app/lookup"
	"relay/app/replay"
	"relay/domain/mapping"
)

// MappingFiles reads and writes mappings as files.
type MappingFiles interface {
	// Parse returns errors that say where in the text they are.
	Parse(text []byte) (mapping.Spec, error)
	Format(spec mapping.Spec) []byte
}

// MappingPreviewer tells what a mapping would change that is not saved yet.
type MappingPreviewer interface {
	// PreviewMapping looks at some people; from is as --from.
	PreviewMapping(ctx context.Context, spec mapping.Spec, from string) (replay.Preview, error)
}

type mappingData struct {
	Base    int // the version that is edited
	Note    string
	From    string // where a re-projection would begin
	YAML    string
	AsYAML  bool // whether the text is edited, not the form
	Form    mappingForm
	Traits  lookup.Traits
	Changes []mapping.Change
	Wrong   string // why nothing was saved
	Preview *replay.Preview
	Looked  bool // whether a preview was asked for
}

// mapping shows the active mapping, to be edited.
func (c *Console) mapping(r *http.Request) (*page, error) {
	current, err := c.config.Mappings.Version(r.Context(), 0)
	if err != nil {
		return nil, err
	}
	data := mappingData{
		Base: current.Number, From: "beginning",
		Form: formOf(current.Spec), YAML: string(c.config.MappingFiles.Format(current.Spec)), AsYAML: r.FormValue("as") == "yaml",
	}
	return c.showMapping(r, http.StatusOK, data)
}

func (c *Console) showMapping(r *http.Request, status int, data mappingData) (_ *page, err error) {
	if data.Traits, err = c.config.Traits.Traits(r.Context()); err != nil {
		return nil, err
	}
	return &page{Status: status, Template: "mapping.html", Title: "Mapping", Data: data}, nil
}

// changeMapping previews or saves what was edited.
func (c *Console) changeMapping(r *http.Request) (*page, error) {
	base, err := whole(r.PostFormValue("base"), "base")
	if err != nil {
		return nil, err
	}
	data := mappingData{
		Base: int(base), Note: r.PostFormValue("note"), From: r.PostFormValue("from"),
		AsYAML: r.PostFormValue("as") == "yaml", YAML: r.PostFormValue("yaml"),
	}
	spec, err := c.edited(r, &data)
	if err != nil {
		data.Wrong = "Nothing was saved: " + err.Error()
		return c.showMapping(r, http.StatusBadRequest, data)
	}
	current, err := c.config.Mappings.Version(r.Context(), 0)
	if err != nil {
		return nil, err
	}
	data.Changes = mapping.Diff(current.Spec, spec)
	switch r.PostFormValue("do") {
	case "save", "reproject":
		return c.saveMapping(r, spec, data)
	}
	if current.Number != data.Base {
		return c.conflict(r, data)
	}
	return c.previewMapping(r, spec, data)
}

// edited reads the spec that was edited, and shows it in both ways.
func (c *Console) edited(r *http.Request, data *mappingData) (spec mapping.Spec, err error) {
	if data.AsYAML {
		if spec, err = c.config.MappingFiles.Parse([]byte(data.YAML)); err == nil {
			data.Form = formOf(spec)
		}
		return spec, err
	}
	data.Form = readForm(r)
	spec = data.Form.spec()
	data.YAML = string(c.config.MappingFiles.Format(spec))
	if wrong := spec.Validate(); len(wrong) > 0 {
		return spec, wrong
	}
	return spec, nil
}

// previewPatience is how long a preview may take.
const previewPatience = 2 * time.Minute

func (c *Console) previewMapping(r *http.Request, spec mapping.Spec, data mappingData) (*page, error) {
	ctx, cancel := context.WithTimeout(r.Context(), previewPatience)
	defer cancel()
	data.Looked = true
	preview, err := c.config.Previewer.PreviewMapping(ctx, spec, data.From)
	switch {
	case err == nil:
		data.Preview = &preview
	case errors.Is(err, replay.ErrBadFrom), errors.Is(err, app.ErrNotFound):
		data.Wrong = err.Error()
		return c.showMapping(r, http.StatusBadRequest, data)
	default:
		return nil, err
	}
	return c.showMapping(r, http.StatusOK, data)
}

func (c *Console) saveMapping(r *http.Request, spec mapping.Spec, data mappingData) (*page, error) {
	applied, err := c.config.Mappings.ApplyTo(r.Context(), data.Base, spec, data.Note)
	if errors.Is(err, app.ErrOtherVersion) {
		return c.conflict(r, data)
	}
	if err != nil {
		return nil, err
	}
	if r.PostFormValue("do") == "reproject" {
		if _, err := c.config.Reprojections.Start(r.Context(), ReprojectionRequest{From: data.From}); err != nil {
			return nil, fmt.Errorf("version %d of the mapping is saved and applies to new payloads; "+
				"the re-projection did not start: %w", applied.Version, err)
		}
		return redirect("/reprojections?done=started"), nil
	}
	done := "saved"
	if !applied.Changed {
		done = "unchanged"
	}
	return redirect("/mapping?done=" + done), nil
}

// conflict tells an editor that somebody else saved a version first. The edit is
// kept, and another click saves it.
func (c *Console) conflict(r *http.Request, data mappingData) (*page, error) {
	current, err := c.config.Mappings.Version(r.Context(), 0)
	if err != nil {
		return nil, err
	}
	data.Wrong = fmt.Sprintf("Version %d was saved meanwhile (%q), and you edited version %d. Nothing was overwritten. "+
		"Below are your edit and its changes from version %d. Save again to apply it.",
		current.Number, current.Note, data.Base, current.Number)
	data.Base = current.Number
	return c.showMapping(r, http.StatusConflict, data)
}
