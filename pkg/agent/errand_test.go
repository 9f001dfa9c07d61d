package agent

import (
	"context"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
)

// obedient is an edge that remembers what it was told.
type obedient struct{ words []string }

func (o *obedient) Apply(context.Context, gate.Policy) error { return nil }
func (o *obedient) Command(_ context.Context, words []string) (string, error) {
	o.words = words
	return "ok", nil
}

// TestTellEdge: an edge does what its agent's file allows, and nothing else.
func TestTellEdge(t *testing.T) {
	o := &obedient{}
	d, err := divert.New(divert.Config{Driver: o, Transports: []fleet.Transport{fleet.UDP}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		agent *Agent
		words []string
		says  string // of the refusal; "" is done
	}{
		"allowed":     {&Agent{divert: d, cfg: Config{Outward: Outward{Edge: []string{"dispatcher.reload"}}}}, []string{"dispatcher.reload", "1"}, ""},
		"not allowed": {&Agent{divert: d, cfg: Config{Outward: Outward{Edge: []string{"dispatcher.reload"}}}}, []string{"core.kill"}, "outward.edge"},
		"no edge":     {&Agent{cfg: Config{Outward: Outward{Edge: []string{"dispatcher.reload"}}}}, []string{"dispatcher.reload"}, "gate.driver"},
	} {
		t.Run(name, func(t *testing.T) {
			o.words = nil
			c.agent.log = zerolog.Nop()
			_, err := c.agent.TellEdge(context.Background(), api.EdgeCommand{Run: "run-1", Step: "reload", Words: c.words})
			done := o.words != nil
			if done != (c.says == "") || (err != nil) == done || !done && !strings.Contains(err.(*api.Error).Hint, c.says) {
				t.Errorf("done %v, %v", done, err)
			}
		})
	}
}
