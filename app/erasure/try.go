package erasure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"relay/app"
	"relay/domain/eventlog"
)

// try is one attempt at an erasure, in one transaction.
type try struct {
	f         *Forgetter
	task      task
	found     *search // what was found without locks, and then what was appended since
	mayReturn bool    // whether the try may end with needs; if not, it does all under its locks
	targets   []*target
	done      Forgotten
}

func (f *Forgetter) newTry(t task, found *search, mayReturn bool) *try {
	done := Forgotten{Forgotten: eventlog.Forgotten{People: len(t.people), Suppressed: t.suppressed}}
	return &try{f: f, task: t, found: found, mayReturn: mayReturn, done: done}
}

// errLacking undoes the transaction of a try that lacks something.
var errLacking = errors.New("the erasure is not prepared")

// run erases, or changes nothing and returns what the try lacks.
func (t *try) run(ctx context.Context) (lacking needs, err error) {
	err = t.f.DB.InTx(ctx, func(tx app.Tx) error {
		lacking, err = t.erase(ctx, tx)
		if err == nil && !lacking.nothing() {
			return errLacking
		}
		return err
	})
	if errors.Is(err, errLacking) {
		return lacking, nil
	}
	return needs{}, err
}

// erase takes its locks in the order in which everybody takes them: the
// erasures', the generations', the log's. The log's is taken last, so that ingest
// waits for the control entry alone.
func (t *try) erase(ctx context.Context, tx app.Tx) (needs, error) {
	if err := t.f.Erasures.Lock(ctx, tx); err != nil {
		return needs{}, err
	}
	if err := t.lockGenerations(ctx, tx); err != nil {
		return needs{}, err
	}
	if lacking, err := t.searchTail(ctx, tx); err != nil || !lacking.nothing() {
		return lacking, err
	}
	if err := t.cutCalls(ctx, tx); err != nil {
		return needs{}, err
	}
	if lacking, err := t.eraseRows(ctx, tx); err != nil || !lacking.nothing() {
		return lacking, err
	}
	if err := t.eraseRejected(ctx, tx); err != nil {
		return needs{}, err
	}
	if err := t.appendControl(ctx, tx); err != nil || t.task.alongside == nil {
		return needs{}, err
	}
	return needs{}, t.task.alongside(ctx, tx)
}

// lockGenerations keeps all generations as they are: the served ones, the former
// ones that an undo would serve again, and the ones that are being built.
func (t *try) lockGenerations(ctx context.Context, tx app.Tx) error {
	history, err := app.ReadHistory(ctx, tx, t.f.Controls)
	if err != nil {
		return err
	}
	var all []app.Generation
	for _, p := range t.f.All {
		served, err := t.f.Generations.LockServing(ctx, tx, p.Name)
		if err != nil {
			return err
		}
		all = append(all, served)
	}
	unserved, err := t.f.Generations.LockUnserved(ctx, tx)
	if err != nil {
		return err
	}
	for _, g := range append(all, unserved...) {
		target, err := t.f.newTarget(ctx, tx, g, history)
		if err != nil {
			return err
		}
		t.targets = append(t.targets, target)
	}
	return nil
}

// searchTail searches what was appended since the search. The whole log is to be
// searched once more if other ids are the people's by now, or if the tail holds
// calls that go and had shadowed links before the tail.
func (t *try) searchTail(ctx context.Context, tx app.Tx) (needs, error) {
	head, err := t.f.Log.Head(ctx, tx)
	if err != nil {
		return needs{}, err
	}
	groups, err := groupsOf(ctx, tx, t.f.Identities, t.servedGenerations(), t.task.people)
	if err != nil {
		return needs{}, err
	}
	again := !slices.EqualFunc(groups, t.found.groups, Group.equal)
	if !again {
		if again, err = t.found.extend(ctx, tx, head); err != nil {
			return needs{}, fmt.Errorf("search what was appended since: %w", err)
		}
	}
	switch {
	case !again:
		return needs{}, nil
	case t.mayReturn:
		return needs{search: true}, nil
	}
	t.found = newSearch(t.f.Log, t.f.Searcher, t.task.people, groups)
	if _, err := t.found.extend(ctx, tx, head); err != nil {
		return needs{}, fmt.Errorf("search the log: %w", err)
	}
	return needs{}, nil
}

// servedGenerations returns the generations that people query.
func (t *try) servedGenerations() (ids []int64) {
	for _, g := range t.targets {
		if g.generation.Status == app.Serving {
			ids = append(ids, g.generation.ID)
		}
	}
	return ids
}

// cutCalls cuts the people's calls out of the log.
func (t *try) cutCalls(ctx context.Context, tx app.Tx) error {
	for _, offset := range slices.Sorted(maps.Keys(t.found.entries)) {
		if err := t.cutEntry(ctx, tx, offset); err != nil {
			return fmt.Errorf("erase from the payload at log offset %d: %w", offset, err)
		}
	}
	return nil
}

func (t *try) cutEntry(ctx context.Context, tx app.Tx, offset eventlog.Offset) error {
	var before, after eventlog.Entry
	calls := 0
	err := app.ReadEach(ctx, tx, t.f.Log, []eventlog.Offset{offset}, app.AllKinds, func(entry *eventlog.Entry) (err error) {
		before = *entry
		before.Payload = slices.Clone(entry.Payload)
		after, calls, err = t.found.without(&before)
		return err
	})
	if err != nil || calls == 0 {
		return err
	}
	t.done.Calls += calls
	t.done.Payloads++
	for _, g := range t.targets {
		g.noteLost(&before, &after)
	}
	return t.f.Eraser.Rewrite(ctx, tx, &after)
}

// eraseRejected deletes the rejected bodies that contain ids of the people.
func (t *try) eraseRejected(ctx context.Context, tx app.Tx) error {
	for i, p := range t.task.people {
		for _, id := range t.found.groups[i].all() {
			n, err := t.f.Rejected.Erase(ctx, tx, id, p.ReceivedBy)
			if err != nil {
				return err
			}
			t.done.Rejected += n
		}
	}
	return nil
}

// appendControl writes the control entry, unless there was nothing to do.
func (t *try) appendControl(ctx context.Context, tx app.Tx) error {
	if t.done.Calls == 0 && t.done.Rejected == 0 && !t.done.Suppressed {
		return nil
	}
	if err := t.f.Controls.Lock(ctx, tx); err != nil {
		return err
	}
	said := t.done.Forgotten
	offset, err := t.f.Controls.Append(ctx, tx, eventlog.Control{Forgotten: &said})
	t.done.Offset = offset
	return err
}
