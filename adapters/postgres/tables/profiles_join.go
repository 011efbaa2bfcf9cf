package tables

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"relay/adapters/postgres"
	"relay/app"
	"relay/domain/profile"
	"relay/projections"
)

// Join implements app.Rows.
func (p Profiles) Join(ctx context.Context, tx app.Tx, generation int64) (made []string, err error) {
	if _, err := addLinks(ctx, tx, generation); err != nil {
		return nil, err
	}
	for _, part := range p.held() {
		there, err := hasTable(ctx, tx, string(JoinedStates)+part.table, generation)
		if err != nil {
			return nil, err
		}
		if !there {
			made = append(made, part.part)
		}
	}
	if len(made) == 0 {
		return nil, nil
	}
	for _, set := range []StateSet{anonymousStates, JoinedStates} {
		missing := Profiles{parts: made, set: set}
		if _, err := tx.ExecContext(ctx, missing.tablesDDL(generation)); err != nil {
			return nil, err
		}
		if err := missing.Index(ctx, tx, generation); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// mergeJoined merges what a fold says beyond what user ids contribute
// themselves; own holds the states of the fold's people after that.
func (p Profiles) mergeJoined(
	ctx context.Context, tx *sql.Tx, generation int64, f *projections.ProfilesFold, own map[string]profile.State,
) error {
	if _, err := p.Of(anonymousStates).mergeStates(ctx, tx, generation, f.Anonymous); err != nil {
		return err
	}
	links := linkTables{tx: tx, generation: generation, contributes: p.contributes(generation, "c")}
	if err := links.merge(ctx, f.Links); err != nil {
		return err
	}
	j := p.newJoining(tx, generation, own)
	if err := j.contribute(ctx, f); err != nil {
		return fmt.Errorf("read whom ids stand for: %w", err)
	}
	if err := j.move(ctx, links.moves); err != nil {
		return fmt.Errorf("read the states of ids that move: %w", err)
	}
	if err := j.regather(ctx); err != nil {
		return fmt.Errorf("merge people anew: %w", err)
	}
	return j.write(ctx)
}

// contributes is the condition that the anonymous id of a claim has a state.
func (p Profiles) contributes(generation int64, claim string) string {
	var any []string
	for _, part := range p.held() {
		any = append(any, postgres.SQL("EXISTS (SELECT FROM <states> s WHERE s.distinct_id = <claim>.id)",
			"states", tableOf(part.in(anonymousStates), generation), "claim", claim))
	}
	return "(" + strings.Join(any, " OR ") + ")"
}
