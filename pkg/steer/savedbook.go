package steer

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// SavedBook is a runbook file that the fleet keeps: every operator runs the same
// version of it, from any machine.
type SavedBook struct {
	Name    string    `json:"name"`
	Version int       `json:"version"` // from 1, one more with each change
	Text    string    `json:"text"`    // of the file
	By      string    `json:"by"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Bounds of saved runbooks.
const (
	MaxBooks    = 50
	MaxBookText = 32 << 10 // octets
)

// saveBook keeps a runbook file. Whoever may save decides what others run, so it
// takes an admin.
func (t *transition) saveBook() error {
	b := t.cmd.Book
	if b == nil || b.Name == "" || b.Text == "" {
		return &Invalid{Field: "book", Message: "no runbook is given"}
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	if r := t.guardRole(&Step{ID: "of saving " + b.Name, Role: RoleAdmin}); r != nil {
		return r
	}
	if len(b.Text) > MaxBookText {
		return &Invalid{Field: "book", Message: fmt.Sprintf("the file has %d octets, at most %d", len(b.Text), MaxBookText), Hint: "split it into two runbooks"}
	}
	next := SavedBook{Name: b.Name, Version: 1, Text: b.Text, By: t.cmd.By, Reason: t.cmd.Reason, At: t.Now}
	i := t.book(b.Name)
	switch {
	case i >= 0 && t.Books[i].Text == b.Text:
		return nil // repeated: harmless
	case i >= 0:
		next.Version = t.Books[i].Version + 1
	case len(t.Books) >= MaxBooks:
		return &Invalid{Field: "book", Message: fmt.Sprintf("%d runbooks are kept, that is the most", MaxBooks), Hint: "sipsteer runbook remove NAME --reason …"}
	}
	t.Books = inserted(t.Books, next, func(a, b SavedBook) int { return strings.Compare(a.Name, b.Name) })
	t.event(EventBook, Event{Word: "saved", Text: fmt.Sprintf("runbook %s saved, version %d", next.Name, next.Version)})
	return nil
}

func (t *transition) dropBook() error {
	if t.cmd.Book == nil {
		return &Invalid{Field: "book", Message: "no runbook is named"}
	}
	if err := t.ownerAndReason(); err != nil {
		return err
	}
	i := t.book(t.cmd.Book.Name)
	if i < 0 {
		return &Invalid{Field: "book", Message: fmt.Sprintf("no runbook called %q is kept", t.cmd.Book.Name), Hint: "sipsteer runbook list"}
	}
	if r := t.guardRole(&Step{ID: "of removing " + t.cmd.Book.Name, Role: RoleAdmin}); r != nil {
		return r
	}
	b := t.Books[i]
	t.Books = deleted(t.Books, func(x SavedBook) bool { return x.Name == b.Name })
	t.event(EventBook, Event{Word: "removed", Text: fmt.Sprintf("runbook %s removed, it was at version %d", b.Name, b.Version)})
	return nil
}

func (t *transition) book(name string) int {
	return slices.IndexFunc(t.Books, func(b SavedBook) bool { return b.Name == name })
}
