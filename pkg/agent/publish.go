package agent

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// nameServer is what a publisher needs of package dnsserver.
type nameServer interface {
	Serve(z *srv.Zone) error
	Epoch() uint64
	// Unsigned is why a zone with keys is answered without signatures.
	Unsigned() string
}

// gateway is what a publisher needs of package gate.
type gateway interface {
	SetPolicy(p gate.Policy)
	Policy() gate.Policy
}

// publisher makes the name server and the gate of this site follow the State
// and the local reflex. It never goes back: an older epoch, as it comes by
// when the log is replayed after a restart, is not served.
type publisher struct {
	site fleet.SiteID
	dns  nameServer
	gate gateway // nil in an agent without a gate
	log  zerolog.Logger
	keep func(steer.State) // told of each State that is served
	// answers is told of each epoch before it is answered. May be nil.
	answers func(epoch uint64)
	// stale is told whether what is served is kept from an earlier time and
	// does not follow the fleet. May be nil.
	stale func(bool)
	// reached is told how far a decision has come. May be nil.
	reached points

	mu      sync.Mutex
	state   steer.State              // served now
	dead    map[fleet.Transport]bool // the local reflex: this site's softswitches do not answer
	problem string                   // why the newest State is not served
	halted  string                   // why there are no newer States any more
	suspect string                   // why newer States are not served: see freeze
	behind  string                   // why newer States may not come: see watchStaleness
	floor   uint64                   // older epochs are not served: see hold
	changed chan struct{}            // closed and replaced at each change

	beside        *srv.Zone // records beside the steered ones, or nil
	besideProblem string    // why some of them are not served
	filesProblem  string    // what is wrong with zone files
}

func newPublisher(site fleet.SiteID, dns nameServer, g gateway, log zerolog.Logger) *publisher {
	return &publisher{site: site, dns: dns, gate: g, log: log, dead: map[fleet.Transport]bool{}, changed: make(chan struct{})}
}

// publish serves the State if it is newer than what is served. A State whose
// zone fails its checks is not served, the old one stays, and the reason is
// shown.
func (p *publisher) publish(s steer.State) {
	if s.Fleet == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Epoch < max(p.state.Epoch, p.floor) || p.suspect != "" {
		return
	}
	if s.Epoch > p.state.Epoch {
		p.reached.at(pointApplied)
		if p.answers != nil {
			p.answers(s.Epoch)
		}
		if err := p.serve(s); err != nil {
			p.problem = err.Error()
			p.log.Error().Err(err).Uint64("epoch", s.Epoch).Uint64("serving", p.state.Epoch).Msg("refused to serve a new zone; the old one stays")
			p.wake()
			return
		}
		p.problem = ""
	}
	newer := s.Epoch > p.state.Epoch
	p.state = s
	if newer {
		p.reached.at(pointAnswered)
	}
	p.applyGate()
	p.wake()
	if newer {
		p.reached.at(pointGateTold)
	}
	if newer && p.keep != nil {
		p.keep(s)
	}
}

// serve gives the name server the State's zone, with the records beside it if
// it can be served with them: what an operator wrote there never keeps a
// decision from being served. It is called with mu held.
func (p *publisher) serve(s steer.State) error {
	zone := steer.Records(s)
	p.besideProblem = ""
	if p.beside == nil {
		return p.dns.Serve(&zone)
	}
	with := zone
	leftOut, err := []string{"it is for the zone " + p.beside.Origin}, error(nil)
	if p.beside.Origin == zone.Origin {
		leftOut = with.AddBeside(p.beside)
		err = p.dns.Serve(&with)
	} else {
		err = p.dns.Serve(&zone)
	}
	if err != nil {
		leftOut = append(leftOut, err.Error())
		err = p.dns.Serve(&zone)
	}
	if len(leftOut) > 0 {
		p.besideProblem = "records beside the steered ones are left out: " + strings.Join(leftOut, "; ")
		p.log.Error().Strs("left_out", leftOut).Uint64("epoch", s.Epoch).Msg("records of a zone file are not served")
	}
	return err
}

// setBeside sets the records that stand beside the steered ones from the next
// epoch on: two contents never share one serial.
func (p *publisher) setBeside(z *srv.Zone) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beside = z
}

// setDead sets the local reflex: the transports on which this site's own
// softswitches are dead by this agent's own checks.
func (p *publisher) setDead(dead map[fleet.Transport]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if maps.Equal(dead, p.dead) {
		return
	}
	for _, t := range fleet.Transports {
		if dead[t] != p.dead[t] && p.gate != nil {
			p.log.Warn().Str("transport", t.String()).Bool("closed", dead[t]).Msg("local reflex: the gate follows the state of this site's softswitch")
		}
	}
	p.dead = dead
	p.applyGate()
	p.wake()
}

// setProblem keeps a problem that is shown in status until the agent ends.
func (p *publisher) setProblem(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halted = text
	p.tellStale()
	p.wake()
}

// freeze keeps what is served as it is while there is a reason to doubt newer
// States; an empty reason ends that. It returns the reason from before.
func (p *publisher) freeze(reason string) (before string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.suspect
	if before != reason {
		p.suspect = reason
		p.tellStale()
		p.wake()
	}
	return before
}

// tellStale is called with mu held.
func (p *publisher) tellStale() {
	if p.stale != nil {
		p.stale(p.staleNow() != "")
	}
}

// frozen returns why newer States are not served, or "".
func (p *publisher) frozen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.suspect
}

func (p *publisher) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// applyGate is called with mu held.
func (p *publisher) applyGate() {
	if p.gate == nil || p.state.Fleet == nil {
		return
	}
	p.gate.SetPolicy(gatePolicy(p.state, p.site, p.dead))
}

// gatePolicy puts the decision and the local reflex together: whichever is
// stricter counts.
func gatePolicy(s steer.State, site fleet.SiteID, dead map[fleet.Transport]bool) gate.Policy {
	f := s.Fleet
	policy := gate.Policy{
		Rules: map[fleet.Transport]gate.Rule{}, Upstreams: map[fleet.Transport][]netip.AddrPort{}, Parts: map[fleet.Transport][]gate.Part{},
		RetryAfterMin: f.Policy.RetryAfterMin, RetryAfterMax: f.Policy.RetryAfterMax,
		Emergency: f.Policy.Emergency(), EmergencyRedirect: emergencyTargets(s, site), Redirects: redirectTargets(s, site), Horizon: horizon(s, site), RegisterRate: registerRate(f, site),
	}
	for _, r := range steer.GateStates(s)[site].Rules {
		policy.Rules[r.Transport] = gate.Rule{Mode: gateModes[r.Mode], PassInvite: r.PassInvite, Reason: r.Reason}
		for _, part := range r.Parts {
			policy.Parts[r.Transport] = append(policy.Parts[r.Transport], gate.Part{
				Service: part.Service, Cohort: part.Cohort, Mode: gateModes[part.Mode], PassInvite: part.PassInvite, Reason: part.Reason,
			})
		}
		if dead[r.Transport] && steer.ReflexAllowed(s, site, r.Transport) {
			policy.Rules[r.Transport] = gate.Rule{Mode: gate.Closed, Reason: "softswitch down"}
			delete(policy.Parts, r.Transport) // refused as all others are
		}
	}
	if len(policy.Parts) > 0 { // else nobody is looked up
		policy.Services, policy.Tenants = servicesOf(f), s.Tenants.Names()
	}
	policy.SourceWindow = f.Policy.Isolate.WithDefaults().Window.D()
	for _, q := range s.Quarantines {
		if q.At(site) {
			policy.Quarantine = append(policy.Quarantine, gate.Quarantined{Prefix: q.Prefix, Until: q.Until})
		}
	}
	if fs := f.Site(site); fs != nil {
		for _, sw := range fs.Softswitches {
			for _, l := range sw.Listeners {
				policy.Upstreams[l.Transport] = append(policy.Upstreams[l.Transport], l.Address)
			}
		}
	}
	return policy
}

var gateModes = map[steer.GateMode]gate.Mode{
	steer.GateOpen: gate.Open, steer.GateDraining: gate.Draining, steer.GateClosed: gate.Closed,
}

func servicesOf(f *fleet.Fleet) []fleet.ServiceID {
	out := make([]fleet.ServiceID, len(f.Services))
	for i := range f.Services {
		out[i] = f.Services[i].Name
	}
	return out
}

// emergencyTargets are the other sites that an emergency call is sent to when
// this site's softswitch is dead, best first.
func emergencyTargets(s steer.State, site fleet.SiteID) []string {
	var out []string
	for i := range s.Fleet.Services {
		svc := &s.Fleet.Services[i]
		if !slices.Contains(svc.Sites, site) {
			continue
		}
		for _, t := range svc.Transports {
			if t.Secure() {
				continue
			}
			for _, target := range steer.Answers(s, svc)[t] {
				other := s.Fleet.Site(target.Site)
				if target.Site == site || s.SiteStatus(target.Site, t) != health.Up {
					continue
				}
				uri := "sip:" + hostPort(other, t) + ";transport=" + t.String()
				if !slices.Contains(out, uri) {
					out = append(out, uri)
				}
			}
		}
	}
	return out
}

func hostPort(site *fleet.Site, t fleet.Transport) string {
	return netip.AddrPortFrom(site.Addresses[0], site.Port(t)).String()
}

// served is what this agent answers now.
type served struct {
	state   steer.State
	dead    map[fleet.Transport]bool
	problem string
}

func (p *publisher) served() (served, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return served{p.state, p.dead, cmp.Or(p.suspect, p.problem, p.halted, p.besideProblem, p.filesProblem)}, p.changed
}

// wait returns when the epoch is served here, or ctx ends.
func (p *publisher) wait(ctx context.Context, epoch uint64) {
	for {
		now, changed := p.served()
		if now.state.Epoch >= epoch {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
