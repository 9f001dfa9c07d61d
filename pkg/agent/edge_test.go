package agent

import (
	"testing"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// told is a gateway that keeps what it was told.
type told struct{ p gate.Policy }

func (x *told) SetPolicy(p gate.Policy) { x.p = p }
func (x *told) Policy() gate.Policy     { return x.p }

// TestGateways: an edge and a gate of ours are told the same, and what is shown
// is what the edge does: it is in front.
func TestGateways(t *testing.T) {
	edge, own := &told{}, &told{}
	p := gate.Policy{Rules: map[fleet.Transport]gate.Rule{fleet.UDP: {Mode: gate.Draining}}}
	both := gatewaysOf(own, edge)
	both.SetPolicy(p)
	if edge.p.Rules[fleet.UDP] != p.Rules[fleet.UDP] || own.p.Rules[fleet.UDP] != p.Rules[fleet.UDP] {
		t.Errorf("edge %+v, own %+v", edge.p, own.p)
	}
	edge.p = gate.Policy{}
	if got := both.Policy(); got.Rules != nil {
		t.Errorf("%+v is shown, and the edge does nothing of it", got)
	}
	alone := gatewaysOf(nil, edge)
	alone.SetPolicy(p)
	if alone.Policy().Rules[fleet.UDP] != p.Rules[fleet.UDP] {
		t.Error("an edge without a gate is not told")
	}
}
