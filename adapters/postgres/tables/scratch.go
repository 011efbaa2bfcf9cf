package tables

import (
	"context"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"relay/adapters/postgres"
	"relay/adapters/postgres/wire"
	"relay/app"
	"relay/domain/identity"
	"relay/projections"
)

// ScratchNumber implements sample.ScratchNumbers.
func (Generations) ScratchNumber(ctx context.Context, tx app.Tx) (id int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT nextval(pg_get_serial_sequence('relay_store.generations', 'id'))`).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("draw the number of a scratch generation: %w", err)
	}
	return id, nil
}

// Write implements app.Sampling.
func (p Profiles) Write(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold, links identity.State) error {
	loader := profilesLoader{tables: p, generation: generation}
	f := fold.(*projections.ProfilesFold)
	for bucket, states := range newPartials(f.People, f.Anonymous).of {
		list, err := appendPartials(nil, states, 0, 1)
		if err != nil {
			return err
		}
		if err := loader.write(ctx, tx, setOfBucket(bucket), list, projections.Issues{}); err != nil {
			return err
		}
	}
	if links.IsEmpty() {
		return nil
	}
	if err := writeLinks(ctx, tx, generation, links); err != nil {
		return err
	}
	for _, set := range []StateSet{OwnStates, anonymousStates} {
		if err := p.Of(set).Index(ctx, tx, generation); err != nil {
			return err
		}
	}
	return loader.writeJoined(ctx, tx, projections.Issues{})
}

// writeLinks writes links of a generation that has none.
func writeLinks(ctx context.Context, tx app.Tx, generation int64, links identity.State) error {
	if err := keepLinks(ctx, tx, generation, links); err != nil {
		return err
	}
	return makeLinks(ctx, tx, generation)
}

// Write implements app.Sampling.
func (Events) Write(ctx context.Context, tx app.Tx, generation int64, fold projections.Fold, links identity.State) error {
	loader := eventsLoader{generation: generation}
	f := fold.(*projections.EventsFold)
	err := loader.write(ctx, tx, f, messageKeys(f.Events))
	if err != nil || links.IsEmpty() {
		return err
	}
	return writeLinks(ctx, tx, generation, links)
}

// Copy implements app.Sampling. People's rows have no place in the log and no
// message id.
func (p Profiles) Copy(ctx context.Context, tx app.Tx, from, to int64, which app.Which) error {
	joins, err := copyLinks(ctx, tx, from, to, which)
	if err != nil {
		return err
	}
	for _, part := range p.held() {
		for _, set := range setsOf(joins) {
			if err := copyRows(ctx, tx, part.keyed(set), from, to, `r.distinct_id = ANY ($1)`, pq.Array(which.People)); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyLinks copies links, and tells whether there are any to copy.
func copyLinks(ctx context.Context, tx app.Tx, from, to int64, which app.Which) (joins bool, err error) {
	if joins, err = JoinsIDs(ctx, tx, to); err != nil || !joins {
		return false, err
	}
	for _, table := range []keyed{claimLinks, aliasLinks} {
		if err := copyRows(ctx, tx, table, from, to, `r.id = ANY ($1)`, pq.Array(which.Linked)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Copy implements app.Sampling.
//
// Plans: the index on message_key; those on distinct_id and anonymous_id, or on
// log_offset.
func (Events) Copy(ctx context.Context, tx app.Tx, from, to int64, which app.Which) error {
	joins, err := copyLinks(ctx, tx, from, to, which)
	if err != nil {
		return err
	}
	theirs := `r.distinct_id = ANY ($4)`
	if joins {
		theirs += ` OR r.distinct_id IS NULL AND r.anonymous_id = ANY ($4)`
	}
	keys := wire.NewColumn(wire.OIDUUID)
	for _, message := range which.Messages {
		key := keyOf(message)
		keys.Bytes(key[:])
	}
	if err := copyRows(ctx, tx, eventsTable, from, to, `r.message_key = ANY ($1::uuid[])`, keys); err != nil {
		return err
	}
	for _, r := range which.Ranges {
		err := copyRows(ctx, tx, eventsTable, from, to, `r.log_offset > $2 AND r.log_offset <= $3 AND ($4::text[] IS NULL OR `+theirs+`)
AND NOT r.message_key = ANY ($1::uuid[])`, keys, int64(r.After), int64(r.UpTo), pq.Array(which.People))
		if err != nil {
			return err
		}
	}
	return nil
}

// copyRows copies the rows r of a table that meet the condition.
func copyRows(ctx context.Context, tx app.Tx, t keyed, from, to int64, condition string, args ...any) error {
	fields, err := fieldsOf(ctx, tx, tableOf(t.name, to))
	if err != nil {
		return err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = pq.QuoteIdentifier(f.name)
	}
	_, err = tx.ExecContext(ctx, postgres.SQL(`INSERT INTO <to> (<columns>) SELECT <columns> FROM <from> r WHERE <condition>`,
		"to", tableOf(t.name, to), "from", tableOf(t.name, from), "columns", strings.Join(names, ", "), "condition", condition), args...)
	if err != nil {
		return fmt.Errorf("copy rows of %s: %w", t.name, replaced(err))
	}
	return nil
}

// failed is the error of what was done, or nil.
func failed(err error, what string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(what+": %w", append(args, err)...)
}

// replaced tells of a served generation's table that is not there any more.
func replaced(err error) error {
	if postgres.HasCode(err, postgres.CodeUndefinedTable) {
		return fmt.Errorf("%w: %w", app.ErrReplaced, err)
	}
	return err
}
