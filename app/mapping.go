package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"relay/domain/eventlog"
	"relay/domain/mapping"
	"relay/projections"
)

// Mappings is the use case of mapping versions.
type Mappings struct {
	DB        Database
	Controls  Controls
	Timelines Timelines
	// Projections are the names of all projections, for those who show timelines.
	Projections []string
	Now         func() time.Time
}

// Applied tells what applying a mapping did.
type Applied struct {
	Version int              `json:"version"`
	Offset  eventlog.Offset  `json:"log_offset"` // from which the version holds
	Changed bool             `json:"changed"`    // false: it was in force already
	Changes []mapping.Change `json:"changes,omitempty"`
}

// Apply makes the spec the mapping that holds from now on. A spec that is in
// force already makes no version.
func (m *Mappings) Apply(ctx context.Context, spec mapping.Spec, note string) (Applied, error) {
	return m.ApplyTo(ctx, 0, spec, note)
}

// ErrOtherVersion is returned where another mapping version holds than the one
// that was to be changed: somebody else changed it meanwhile.
var ErrOtherVersion = errors.New("the mapping was changed meanwhile")

// ApplyTo is Apply for whoever edited the version base, so that nothing that
// others did meanwhile is lost: ErrOtherVersion if another one holds. 0 is any.
func (m *Mappings) ApplyTo(ctx context.Context, base int, spec mapping.Spec, note string) (Applied, error) {
	return m.change(ctx, base, func(h History) (mapping.Version, error) {
		current := h.Current()
		if current.Spec.Equal(spec) {
			return current, nil
		}
		return mapping.Version{Number: h.Latest() + 1, Spec: spec, Note: note, CreatedAt: m.Now().UTC().Truncate(time.Microsecond)}, nil
	})
}

// Rollback makes an earlier version hold again from now on. Versions are never
// edited: the timeline names it a second time.
func (m *Mappings) Rollback(ctx context.Context, version int) (Applied, error) {
	return m.RollbackFrom(ctx, 0, version)
}

// RollbackFrom is Rollback as ApplyTo is Apply.
func (m *Mappings) RollbackFrom(ctx context.Context, base, version int) (Applied, error) {
	return m.change(ctx, base, func(h History) (mapping.Version, error) {
		v, ok := h.Versions[version]
		if !ok {
			return v, fmt.Errorf("%w: mapping version %d; the latest is %d", ErrNotFound, version, h.Latest())
		}
		return v, nil
	})
}

// change activates the version that choose picks. Under the log's lock nobody
// else can append, so the numbers of versions have no gaps.
func (m *Mappings) change(ctx context.Context, base int, choose func(History) (mapping.Version, error)) (applied Applied, err error) {
	err = m.DB.InTx(ctx, func(tx Tx) error {
		if err := m.Controls.Lock(ctx, tx); err != nil {
			return err
		}
		history, err := ReadHistory(ctx, tx, m.Controls)
		if err != nil {
			return err
		}
		current := history.Current()
		if base != 0 && base != current.Number {
			return fmt.Errorf("%w: version %d is active now, and this is a change of version %d; nothing was overwritten",
				ErrOtherVersion, current.Number, base)
		}
		chosen, err := choose(history)
		if err != nil {
			return err
		}
		if chosen.Number == current.Number {
			start, _ := history.Timelines.Of(projections.Profiles).CurrentStart()
			applied = Applied{Version: current.Number, Offset: start}
			return nil
		}
		applied = Applied{Version: chosen.Number, Changed: true, Changes: mapping.Diff(current.Spec, chosen.Spec)}
		applied.Offset, err = m.activate(ctx, tx, chosen)
		return err
	})
	return applied, err
}

func (m *Mappings) activate(ctx context.Context, tx Tx, v mapping.Version) (eventlog.Offset, error) {
	spec, err := json.Marshal(v.Spec)
	if err != nil {
		return 0, fmt.Errorf("encode mapping version %d: %w", v.Number, err)
	}
	offset, err := m.Controls.Append(ctx, tx, eventlog.Control{MappingActivated: &eventlog.MappingActivated{
		Version: v.Number, Spec: spec, Note: v.Note, CreatedAt: v.CreatedAt,
	}})
	if err != nil {
		return 0, err
	}
	history, err := ReadHistory(ctx, tx, m.Controls)
	if err != nil {
		return 0, err
	}
	return offset, m.Timelines.Save(ctx, tx, history)
}

// History returns all versions, the oldest first, and the timelines.
func (m *Mappings) History(ctx context.Context) (versions []mapping.Version, h History, err error) {
	err = m.DB.InSnapshot(ctx, func(tx Tx) (err error) {
		h, err = ReadHistory(ctx, tx, m.Controls)
		return err
	})
	for _, n := range slices.Sorted(maps.Keys(h.Versions)) {
		versions = append(versions, h.Versions[n])
	}
	return versions, h, err
}

// Version returns one version; 0 is the current one.
func (m *Mappings) Version(ctx context.Context, number int) (mapping.Version, error) {
	_, h, err := m.History(ctx)
	if err != nil {
		return mapping.Version{}, err
	}
	if number == 0 {
		return h.Current(), nil
	}
	v, ok := h.Versions[number]
	if !ok {
		return v, fmt.Errorf("%w: mapping version %d; the latest is %d", ErrNotFound, number, h.Latest())
	}
	return v, nil
}
