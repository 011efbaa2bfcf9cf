package console

import (
	"context"
	"fmt"
)

type madeReader struct{ Name, URL string }

// doReader does what the buttons about readers say.
func (c *Console) doReader(ctx context.Context, what, name, confirm string, data *settingsData) (done string, err error) {
	switch what {
	case "create-reader":
		url, err := c.config.Readers.Set(ctx, name)
		if err == nil {
			data.Reader = &madeReader{name, url}
		}
		return "", err
	case "remove-reader":
		if confirm != name {
			return "", fmt.Errorf("%w: nobody was removed: what was typed is not the reader's name", ErrBadRequest)
		}
		return "unread", c.config.Readers.Store.Remove(ctx, name)
	default:
		return "", fmt.Errorf("%w: there is nothing to do called %q", ErrBadRequest, what)
	}
}
