package agent

import (
	"errors"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestAConcernIsAcknowledgedByItsName: also one that the leader has not looked at
// yet; all agents know of it, and a name that is none is refused.
func TestAConcernIsAcknowledgedByItsName(t *testing.T) {
	w := newWorld(t, nil)
	do := func(kind steer.Kind, concern, lasts string) error {
		_, err := w.agents[0].Do(t.Context(), api.CommandRequest{Kind: string(kind), By: "alice", Reason: "before the move", Concern: concern, For: lasts}, false)
		return err
	}
	w.eventually("an acknowledgement", func() bool { return do(steer.KindConcernAck, "drill/ottawa", "168h") == nil })
	acked := func(i int) (owner string, others int) {
		r, err := w.agents[i].Readiness(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Concern == "drill/ottawa" && f.Acked != nil {
				owner = f.Acked.Owner
			} else if f.Acked != nil {
				others++
			}
		}
		return owner, others
	}
	for i := range w.agents {
		w.eventually("what all agents know", func() bool { owner, others := acked(i); return owner == "alice" && others == 0 })
	}
	for name, c := range map[string]struct{ kind, concern, want, hint string }{
		"a near name":      {"concern-ack", "drill/otawa", `no concern is called "drill/otawa"`, "did you mean drill/ottawa?"},
		"no name":          {"concern-ack", "", "no concern is called", "sipsteer readiness"},
		"not acknowledged": {"concern-unack", "drill/calgary", "is not acknowledged", "sipsteer readiness"},
	} {
		err := do(steer.Kind(c.kind), c.concern, "1h")
		var e *api.Error
		var invalid *steer.Invalid
		hint := ""
		switch {
		case errors.As(err, &e):
			hint = e.Hint
		case errors.As(err, &invalid):
			hint = invalid.Hint
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(hint, c.hint) {
			t.Errorf("%s: %v, hint %q", name, err, hint)
		}
	}
	if err := do(steer.KindConcernUnack, "drill/ottawa", ""); err != nil {
		t.Fatal(err)
	}
	// It is no decision, so nobody waits until all agents have it.
	w.eventually("it is acknowledged no more", func() bool { owner, _ := acked(0); return owner == "" })
}
