package tables

import (
	"context"

	"relay/app"
	"relay/projections"
)

// comparison compares two generations, one table after the other.
type comparison struct {
	tx              app.Tx
	served, rebuilt int64
	limit           int

	found []app.Difference
	total int64
	err   error
}

// joins tells which of the generations has mappings that join ids.
func (c *comparison) joins(ctx context.Context) (served, rebuilt bool, err error) {
	if served, err = JoinsIDs(ctx, c.tx, c.served); err != nil {
		return false, false, err
	}
	rebuilt, err = JoinsIDs(ctx, c.tx, c.rebuilt)
	return served, rebuilt, err
}

// table compares all columns of a table: what people can query, and the stamps
// that decide what comes next.
func (c *comparison) table(ctx context.Context, t keyed) {
	if c.err != nil {
		return
	}
	p, err := pairOf(ctx, c.tx, t, c.served, c.rebuilt)
	if err == nil {
		err = p.prune(ctx, c.tx)
	}
	if err != nil {
		c.err = err
		return
	}
	c.pair(ctx, p)
}

func (c *comparison) pair(ctx context.Context, p pair) {
	if c.err != nil {
		return
	}
	d, err := p.differences(ctx, c.tx, c.limit)
	c.found, c.total, c.err = append(c.found, d.rows...), c.total+d.total, err
}

func (c *comparison) result() ([]app.Difference, int, error) {
	return c.found[:min(len(c.found), c.limit)], int(c.total), c.err
}

// Compare implements app.Comparing. Where one of the two joins ids and the other
// does not, what people query is compared, and otherwise every table.
func (p Profiles) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	c := comparison{tx: tx, served: served, rebuilt: rebuilt, limit: limit}
	joinServed, joinRebuilt, err := c.joins(ctx)
	if err != nil {
		return nil, 0, err
	}
	if joinServed && joinRebuilt {
		c.table(ctx, claimLinks)
		c.table(ctx, aliasLinks)
	}
	for _, part := range p.held() {
		if joinServed != joinRebuilt {
			shown, err := shownPair(ctx, tx, part, served, rebuilt)
			if err != nil {
				return nil, 0, err
			}
			c.pair(ctx, shown)
			continue
		}
		for _, set := range setsOf(joinServed) {
			c.table(ctx, part.keyed(set))
		}
	}
	return c.result()
}

// Compare implements app.Comparing.
func (Events) Compare(ctx context.Context, tx app.Tx, served, rebuilt int64, limit int) ([]app.Difference, int, error) {
	c := comparison{tx: tx, served: served, rebuilt: rebuilt, limit: limit}
	joinServed, joinRebuilt, err := c.joins(ctx)
	if err != nil {
		return nil, 0, err
	}
	if joinServed && joinRebuilt {
		c.table(ctx, claimLinks)
		c.table(ctx, aliasLinks)
	}
	c.table(ctx, eventsTable)
	return c.result()
}

// Tables that every generation has, and those of links, where ids are joined.
var (
	eventsTable = keyed{name: projections.Events, key: "message_key", id: "message_id"}
	claimLinks  = keyed{name: claimsTable, key: "id", id: "id"}
	aliasLinks  = keyed{name: aliasesTable, key: "id", id: "id"}
)

// keyed returns the part's table of a set of states.
func (p profilePart) keyed(set StateSet) keyed {
	return keyed{name: string(set) + p.table, key: "distinct_id", id: "distinct_id"}
}

// shownPair is what people query of a part of the profiles.
func shownPair(ctx context.Context, tx app.Tx, part profilePart, served, rebuilt int64, except ...string) (pair, error) {
	p, err := pairOf(ctx, tx, part.keyed(OwnStates), served, rebuilt, except...)
	if err != nil {
		return p, err
	}
	for side, generation := range map[*string]int64{&p.served: served, &p.rebuilt: rebuilt} {
		joins, err := JoinsIDs(ctx, tx, generation)
		if err != nil {
			return p, err
		}
		*side = shownStates(part.table, generation, joins)
	}
	return p, nil
}
