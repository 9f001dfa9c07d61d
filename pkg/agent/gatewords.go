package agent

import (
	"context"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

const (
	// gateWordsEvery is how often the leader asks the gates what they did by
	// themselves: the timeline of an incident is as exact as that.
	gateWordsEvery = 2 * time.Second
	// stragglersEvery is how often it asks gates that refuse who still comes
	// there, which costs them a look at every device.
	stragglersEvery = 5 * gateWordsEvery
)

// leadGateWords writes into the State what gates do by themselves: their reflex,
// what their drivers came to, and who still came when they stopped refusing.
func (a *Agent) leadGateWords(ctx context.Context) {
	still := stragglers{}
	var counted time.Time
	for ctx.Err() == nil {
		pause(ctx, gateWordsEvery)
		if a.machine.State().Fleet == nil || a.pub.frozen() != "" {
			continue
		}
		peers := a.peers()
		effects := a.effects(ctx, peers)
		if time.Since(counted) >= stragglersEvery && slices.ContainsFunc(effects, refuses) {
			if reports, err := a.Gates(ctx); err == nil {
				still.count(reports)
			}
			counted = time.Now()
		}
		if ctx.Err() != nil {
			return // what did not answer in time was cut off here
		}
		for i, p := range peers {
			if w, ok := still.wordOf(p, &effects[i]); ok && a.noteGate(ctx, w) && w.Stragglers > 0 {
				delete(still, p.Name)
			}
		}
	}
}

// stragglers are how many devices still came to each gate that refuses, when
// they were last counted, until it is noted at the end of the refusing.
type stragglers map[fleet.AgentID]int

func (s stragglers) count(reports []api.GateReport) {
	for _, r := range reports {
		if r.Problem == "" && r.Since != nil {
			s[fleet.AgentID(r.Agent)] = r.Stragglers
		}
	}
}

// wordOf is the word of one gate; false when nothing is known of it, or nobody
// refuses there. Only the reflex closes a gate: what people and automation
// decide lets calls that are up pass.
func (s stragglers) wordOf(p Peer, e *peerEffect) (steer.GateWord, bool) {
	if e.err != nil || e.Gate == "" {
		return steer.GateWord{}, false
	}
	w := steer.GateWord{Site: p.Site, Agent: p.Name, Trouble: e.Edge, Instead: e.Note}
	for _, t := range fleet.Transports {
		if e.Gates[t.String()] == gate.Closed.String() {
			w.Reflex = append(w.Reflex, t)
		}
	}
	if !refuses(*e) {
		w.Stragglers = s[p.Name]
	}
	return w, true
}

// refuses reports whether new work is refused at a gate over any transport, of
// everyone or of a part.
func refuses(e peerEffect) bool {
	if len(e.Parts) > 0 {
		return true
	}
	for _, mode := range e.Gates {
		if mode != gate.Open.String() {
			return true
		}
	}
	return false
}

// noteGate proposes a word that is new, and reports whether the State knows it
// now. One that cannot be written is written with the next look.
func (a *Agent) noteGate(ctx context.Context, w steer.GateWord) bool {
	s := a.machine.State()
	if !s.GateSeen(w.Site, w.Agent).Says(w) {
		return true
	}
	c := steer.Command{Kind: steer.KindGateWord, At: a.now(), By: steer.AutomationOwner, Site: w.Site, Gate: &w}
	if err := a.proposeOwn(ctx, []steer.Command{c}); err != nil {
		a.log.Debug().Err(err).Str("site", string(w.Site)).Msg("cannot note what the gate did")
		return false
	}
	return true
}
