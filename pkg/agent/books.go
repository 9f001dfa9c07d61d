package agent

import (
	"context"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Books implements api.Backend.
func (a *Agent) Books(context.Context) ([]steer.SavedBook, error) {
	return append([]steer.SavedBook{}, a.state().Books...), nil
}

// bookChange reads what a request says of a runbook file. A file with faults is
// not kept.
func bookChange(c *steer.Command, req api.CommandRequest) error {
	switch c.Kind {
	case steer.KindBookDrop:
		c.Book = &steer.SavedBook{Name: req.Book}
	case steer.KindBookSave:
		b, err := config.ParseRunbook("runbook.yaml", []byte(req.Book))
		if err != nil {
			return &api.Error{Category: api.Invalid, Field: "book", Message: err.Error(), Hint: "sipsteer runbook check FILE"}
		}
		c.Book = &steer.SavedBook{Name: b.Name, Text: req.Book}
	}
	return nil
}
