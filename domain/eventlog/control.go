package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Control is the content of a control entry: what relay itself writes into the
// log because it changes what the log means. Exactly one field is set.
type Control struct {
	MappingActivated *MappingActivated
	Reprojected      *Reprojected
	Undone           *Undone
	Forgotten        *Forgotten
}

// ControlEntry is a control and where it stands in the log.
type ControlEntry struct {
	Offset     Offset
	ReceivedAt time.Time // when it was written; no fold depends on it
	Control
}

// MappingActivated says that a mapping version is in force from the entry's own
// offset on.
type MappingActivated struct {
	Version   int             `json:"version"`
	Spec      json.RawMessage `json:"spec"` // the version's content, a JSON object
	Note      string          `json:"note"`
	CreatedAt time.Time       `json:"created_at"`
}

// Reprojected says that the named projections were rebuilt with a mapping
// version from offset From on, but for what was activated after AsOf.
type Reprojected struct {
	Projections []string `json:"projections"`
	From        Offset   `json:"from"`
	Version     int      `json:"version"`
	AsOf        Offset   `json:"as_of"`
}

// Undone says that the control entry at the offset Entry, a re-projection or the
// undoing of one, no longer counts.
type Undone struct {
	Entry Offset `json:"entry"`
}

// Forgotten says that people were erased: how many, how many of their calls were
// cut out of how many payloads, and whether their later calls are dropped. It does
// not say who they were.
type Forgotten struct {
	People     int  `json:"persons"`
	Calls      int  `json:"calls"`
	Payloads   int  `json:"payloads"`
	Rejected   int  `json:"rejected"` // bodies deleted from the rejected store
	Suppressed bool `json:"suppressed"`
}

// The types of controls, as the key "relay" names them. They stand in logs for
// ever: add some, change none.
const (
	mappingActivated = "mapping_activated"
	reprojected      = "reprojected"
	undone           = "undone"
	forgotten        = "forgotten"
)

// errBadControl is returned for a control that lacks something or that
// DecodeControl cannot read.
var errBadControl = errors.New("bad control entry")

// EncodeControl returns the payload of a control entry: a JSON object whose key
// "relay" names the type.
func EncodeControl(c Control) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	switch {
	case c.MappingActivated != nil:
		return json.Marshal(struct {
			Relay string `json:"relay"`
			*MappingActivated
		}{mappingActivated, c.MappingActivated})
	case c.Reprojected != nil:
		return json.Marshal(struct {
			Relay string `json:"relay"`
			*Reprojected
		}{reprojected, c.Reprojected})
	case c.Undone != nil:
		return json.Marshal(struct {
			Relay string `json:"relay"`
			*Undone
		}{undone, c.Undone})
	default:
		return json.Marshal(struct {
			Relay string `json:"relay"`
			*Forgotten
		}{forgotten, c.Forgotten})
	}
}

// DecodeControl reads what EncodeControl wrote. The result does not keep
// payload. A type that this release does not know is an error that names it,
// since a fold that passed over it would give a wrong state.
func DecodeControl(payload []byte) (Control, error) {
	var head struct {
		Relay string `json:"relay"`
	}
	if err := json.Unmarshal(payload, &head); err != nil {
		return Control{}, fmt.Errorf("%w: %w", errBadControl, err)
	}
	var c Control
	var content any
	switch head.Relay {
	case mappingActivated:
		c.MappingActivated = new(MappingActivated)
		content = c.MappingActivated
	case reprojected:
		c.Reprojected = new(Reprojected)
		content = c.Reprojected
	case undone:
		c.Undone = new(Undone)
		content = c.Undone
	case forgotten:
		c.Forgotten = new(Forgotten)
		content = c.Forgotten
	default:
		return Control{}, fmt.Errorf("%w: unknown type %q; a newer relay may have written it, run that one", errBadControl, head.Relay)
	}
	if err := json.Unmarshal(payload, content); err != nil {
		return Control{}, fmt.Errorf("%w: %s: %w", errBadControl, head.Relay, err)
	}
	return c, c.check()
}

func (c Control) check() error {
	set := 0
	for _, is := range []bool{c.MappingActivated != nil, c.Reprojected != nil, c.Undone != nil, c.Forgotten != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("%w: exactly one content is wanted", errBadControl)
	case c.MappingActivated != nil:
		return c.MappingActivated.check()
	case c.Reprojected != nil:
		return c.Reprojected.check()
	case c.Undone != nil:
		return c.Undone.check()
	default:
		return c.Forgotten.check()
	}
}

func (m *MappingActivated) check() error {
	if m.Version < 1 {
		return fmt.Errorf("%w: %s: version %d; versions count from 1", errBadControl, mappingActivated, m.Version)
	}
	if !bytes.HasPrefix(m.Spec, []byte("{")) {
		return fmt.Errorf("%w: %s: the spec is not a JSON object", errBadControl, mappingActivated)
	}
	return nil
}

func (r *Reprojected) check() error {
	switch {
	case r.Version < 1:
		return fmt.Errorf("%w: %s: version %d; versions count from 1", errBadControl, reprojected, r.Version)
	case r.From < FirstOffset:
		return fmt.Errorf("%w: %s: from offset %d; offsets begin at %d", errBadControl, reprojected, r.From, FirstOffset)
	case len(r.Projections) == 0:
		return fmt.Errorf("%w: %s: it names no projection", errBadControl, reprojected)
	}
	return nil
}

func (u *Undone) check() error {
	if u.Entry < FirstOffset {
		return fmt.Errorf("%w: %s: entry %d; offsets begin at %d", errBadControl, undone, u.Entry, FirstOffset)
	}
	return nil
}

func (f *Forgotten) check() error {
	if f.People < 1 || f.Calls < 0 || f.Payloads < 0 || f.Rejected < 0 {
		return fmt.Errorf("%w: %s: %d people, %d calls, %d payloads, %d rejected bodies",
			errBadControl, forgotten, f.People, f.Calls, f.Payloads, f.Rejected)
	}
	return nil
}
