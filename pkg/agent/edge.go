package agent

import (
	"context"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// gateways are a gate of ours and an edge that refuses, told the same. An edge
// goes first: it may be what brings the traffic to the gate.
type gateways []gateway

func gatewaysOf(own gateway, edge gateway) gateways {
	if own == nil {
		return gateways{edge}
	}
	return gateways{edge, own}
}

// SetPolicy implements gateway.
func (g gateways) SetPolicy(p gate.Policy) {
	for _, x := range g {
		x.SetPolicy(p)
	}
}

// Policy implements gateway: what the edge was seen to do.
func (g gateways) Policy() gate.Policy { return g[0].Policy() }

// startEdge begins to tell the edge.
func (a *Agent) startEdge() error {
	if a.divert == nil {
		return nil
	}
	if err := a.divert.Start(); err != nil {
		return err
	}
	a.onStop("edge", a.divert.Stop)
	return nil
}

// gatePolicyInForce is what is done with this site's SIP traffic, and false where
// nobody refuses.
func (a *Agent) gatePolicyInForce() (gate.Policy, bool) {
	switch {
	case a.divert != nil:
		return a.divert.Policy(), true
	case a.gate != nil:
		return a.gate.Policy(), true
	}
	return gate.Policy{}, false
}

// waitEdge waits until the edge was told.
func (a *Agent) waitEdge(ctx context.Context) {
	if a.divert != nil {
		a.divert.Wait(ctx)
	}
}

// edgeProblem says why the edge does not do what it should; "" when it does.
func (a *Agent) edgeProblem() string {
	if a.divert == nil {
		return ""
	}
	return a.divert.Problem()
}

// edgeNote says what stands in for the driver; "" for nothing.
func (a *Agent) edgeNote() string {
	if a.divert == nil {
		return ""
	}
	return a.divert.Note()
}

// unguarded says why sources in quarantine are not kept out; "" where they are.
func (a *Agent) unguarded() string {
	if a.divert == nil || a.divert.KeepsOut() {
		return ""
	}
	if n := len(a.divert.Policy().Quarantine); n > 0 {
		return fmt.Sprintf("%d sources in quarantine are kept out only while the traffic passes a gate of ours, which it does not here while the site is open", n)
	}
	return ""
}
