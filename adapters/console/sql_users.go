package console

import (
	"context"
	"fmt"
)

type madeSQLUser struct{ Name, URL string }

// doSQLUser does what the buttons about SQL users say.
func (c *Console) doSQLUser(ctx context.Context, what, name, confirm string, data *settingsData) (done string, err error) {
	switch what {
	case "create-reader":
		url, err := c.config.SQLUsers.Set(ctx, name)
		if err == nil {
			data.SQLUser = &madeSQLUser{name, url}
		}
		return "", err
	case "remove-reader":
		if confirm != name {
			return "", fmt.Errorf("%w: nobody was removed: the typed text is not the user's name", ErrBadRequest)
		}
		return "unread", c.config.SQLUsers.Store.Remove(ctx, name)
	default:
		return "", fmt.Errorf("%w: unknown action %q", ErrBadRequest, what)
	}
}
