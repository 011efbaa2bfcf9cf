package replay

import (
	"context"
	"errors"
)

// Checker builds aside, compares with what is being served, and drops what it
// built. Nothing that people query changes.
type Checker struct {
	Builder *Builder
}

// Kinds of checks. The build lock is named after them.
const (
	Verification = "verification"
	DryRun       = "dry run"
)

// aside runs do with the build lock, and drops what checks have built before it
// and after it.
func (c *Checker) aside(ctx context.Context, kind string, do func(BuildLock) error) error {
	lock, err := c.Builder.Locks.Claim(ctx, kind)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := c.Builder.dropUnserved(ctx, isOfCheck); err != nil {
		return err
	}
	err = do(lock)
	return errors.Join(err, c.Builder.dropUnserved(context.WithoutCancel(ctx), isOfCheck))
}
