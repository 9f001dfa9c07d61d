package agent

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

func TestOperatorTokenGoesThroughTheAPI(t *testing.T) {
	w := newWorld(t, nil)
	srv := httptest.NewServer(w.agents[1].guarded(api.Handler(w.agents[1], "test", nil), judgeSocket))
	defer srv.Close()
	c := api.NewClient("x", srv.URL, nil)
	defer c.Close()
	tok, err := c.SetOperator(t.Context(), "eve", api.OperatorRequest{Role: "viewer", For: "1h"})
	if err != nil || tok.Name != "eve" || tok.Until.IsZero() {
		t.Fatalf("token %+v, %v", tok, err)
	}
	for _, a := range w.agents { // known everywhere, with its role
		w.eventually("registered", func() bool {
			r := httptest.NewRequest(http.MethodGet, "/v1/status", nil)
			r.Header.Set("Authorization", "Bearer "+tok.Token)
			caller, err := a.judgeTLS(r)
			return err == nil && caller.Name == "eve" && caller.Role == api.RoleViewer && !caller.Trusted
		})
	}
	if err := c.DropOperator(t.Context(), "eve", ""); err != nil {
		t.Error(err)
	}
	if list, err := c.Operators(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("operators %+v, %v", list, err)
	}
	var e *api.Error
	if err := c.DropOperator(t.Context(), "eve", ""); !errors.As(err, &e) || e.Category != api.Invalid {
		t.Errorf("dropped twice: %v", err)
	}
	// A registry survives a snapshot, and is part of the sum.
	sum, err := w.agents[0].machine.Sum()()
	if err != nil {
		t.Fatal(err)
	}
	w.agents[0].machine.setRegistry(pki.Registry{Operators: []pki.Operator{{Name: "mallory", Role: pki.Admin}}})
	if other, err := w.agents[0].machine.Sum()(); err != nil || other == sum {
		t.Errorf("a changed registry has the same sum, %v", err)
	}
}
