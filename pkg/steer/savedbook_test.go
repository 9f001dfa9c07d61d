package steer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestSavedBooks: versions grow with each change, repeating changes nothing, and
// only an admin decides what others run.
func TestSavedBooks(t *testing.T) {
	g := newGuarded(t, nil)
	save := func(name, text string) error {
		return g.apply(steer.Command{Kind: steer.KindBookSave, Role: steer.RoleAdmin, Reason: "r", Book: &steer.SavedBook{Name: name, Text: text, Version: 99}})
	}
	for _, text := range []string{"one", "one", "two"} {
		if err := save("nightly", text); err != nil {
			t.Fatal(err)
		}
	}
	if b := g.s.Books; len(b) != 1 || b[0].Version != 2 || b[0].Text != "two" || b[0].At != g.now || b[0].By == "" {
		t.Fatalf("%+v", b)
	}
	if err := save("early", "x"); err != nil || g.s.Books[0].Name != "early" {
		t.Fatalf("%v: %+v", err, g.s.Books)
	}
	var r *steer.Refusal
	err := g.apply(steer.Command{Kind: steer.KindBookSave, Role: steer.RoleOperator, Reason: "r", Book: &steer.SavedBook{Name: "nightly", Text: "bad"}})
	if !errors.As(err, &r) || r.Rule != steer.RuleRole {
		t.Errorf("an operator saves: %v", err)
	}
	err = g.apply(steer.Command{Kind: steer.KindBookDrop, Role: steer.RoleOperator, Reason: "r", Book: &steer.SavedBook{Name: "nightly"}})
	if !errors.As(err, &r) || r.Rule != steer.RuleRole || len(g.s.Books) != 2 {
		t.Errorf("an operator removes: %v", err)
	}
	if err := save("huge", strings.Repeat("x", steer.MaxBookText+1)); err == nil {
		t.Error("a huge one is kept")
	}
	for i := len(g.s.Books); i < steer.MaxBooks; i++ {
		if err := save(fmt.Sprintf("b%02d", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := save("one-more", "x"); err == nil || !strings.Contains(err.Error(), "most") {
		t.Errorf("more than the most: %v", err)
	}
	g.must(steer.Command{Kind: steer.KindBookDrop, Role: steer.RoleAdmin, Reason: "r", Book: &steer.SavedBook{Name: "nightly"}})
	if err := g.apply(steer.Command{Kind: steer.KindBookDrop, Role: steer.RoleAdmin, Reason: "r", Book: &steer.SavedBook{Name: "nightly"}}); err == nil {
		t.Error("what is gone is removed again")
	}
}
