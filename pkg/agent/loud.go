package agent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

const (
	// sourceWord begins the name of a check of one source.
	sourceWord = "source "
	// keepOutFor is for how long the command that is offered keeps a source out.
	keepOutFor = "30m"
	// busyTimes is how many times the usual limit counts while phones of another
	// site come here.
	busyTimes = 4
	// shownSources is how many of the busiest sources a gate reports.
	shownSources = 20
)

// loud names the sources that send far more than they usually do and than others
// do. Those that are kept out already are not named again.
func (t *traffic) loud(l gate.Live, now time.Time) {
	if l.SourcesAt.After(t.window) {
		limits, wanted := t.limits()
		t.window, t.abnormal = l.SourcesAt, t.sources.Look(now, freeSources(l, now), limits)
		if !wanted {
			t.abnormal = nil
		}
	}
	for _, x := range t.abnormal {
		t.say(sourceName(x.Prefix), health.CauseHigh, x.String())
	}
}

// loudLimits are those of the fleet; false when no source is to be named. While a
// site is out of answers its phones come here, and have no habit here yet.
func (a *Agent) loudLimits() (health.LoudLimits, bool) {
	now, _ := a.pub.served()
	if now.state.Fleet == nil {
		return health.LoudLimits{}, false
	}
	policy := now.state.Fleet.Policy.Isolate.WithDefaults()
	limits := health.LoudLimits{Least: float64(policy.PerSecond), Times: float64(policy.Times), Learn: policy.Learn.D()}
	if a.unusual(a.cfg.Site) != "" {
		limits.Least *= busyTimes
	}
	return limits, policy.Automation != fleet.AutomationOff
}

// loudAtGates are the sources that the agents which are heard find loud at the
// gates of their own sites, in order; those with the address of an agent are left
// out. What an agent says of another site does not count.
func (a *Agent) loudAtGates(now time.Time) []steer.LoudSource {
	var out []steer.LoudSource
	for _, x := range a.opinions.loud(now) {
		if a.guardPeers(steer.Command{Kind: steer.KindQuarantine, Source: x.Prefix}) == nil {
			out = append(out, x)
		}
	}
	return out
}

func (o *opinions) loud(now time.Time) []steer.LoudSource {
	peers := o.peers()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []steer.LoudSource
	for _, p := range peers {
		r, ok := o.reports[p.Name]
		if !ok || now.Sub(r.at) >= o.fresh {
			continue
		}
		for c, op := range r.by {
			source, about := sourceIn(c)
			if about && c.Site == p.Site && op.Status == health.Down && op.Cause == health.CauseHigh {
				out = append(out, steer.LoudSource{Prefix: source, Site: c.Site, Text: fmt.Sprintf("%.300s", printable(op.Detail))})
			}
		}
	}
	slices.SortFunc(out, func(a, b steer.LoudSource) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), a.Prefix.Addr().Compare(b.Prefix.Addr()))
	})
	return slices.CompactFunc(out, func(a, b steer.LoudSource) bool { return a.Site == b.Site && a.Prefix == b.Prefix })
}

// freeSources are those that are not kept out now.
func freeSources(l gate.Live, now time.Time) []health.SourceRate {
	rates := make([]health.SourceRate, 0, len(l.Sources))
	for _, r := range l.Sources {
		if !slices.ContainsFunc(l.Quarantine, func(q gate.QuarantineReport) bool { return now.Before(q.Until) && q.Prefix.Overlaps(r.Prefix) }) {
			rates = append(rates, health.SourceRate(r))
		}
	}
	return rates
}

// sourceName is the name of the check of a source. Its form is read by sourceIn.
func sourceName(p netip.Prefix) string {
	if p.IsSingleIP() {
		return sourceWord + p.Addr().String()
	}
	return sourceWord + p.String()
}

// sourceIn is the source that a check is about; false for all other checks.
func sourceIn(c health.Check) (netip.Prefix, bool) {
	name, ok := strings.CutPrefix(string(c.Kind), string(trafficKind.Named(sourceWord)))
	if !ok {
		return netip.Prefix{}, false
	}
	p, err := readSource(name)
	return p, err == nil
}

// keepOutCommand is what an operator types to keep out the source that a check is
// about; empty for all other checks.
func keepOutCommand(c health.Check) string {
	p, ok := sourceIn(c)
	if !ok {
		return ""
	}
	return fmt.Sprintf("sipsteer gate quarantine add %s --site %s --for %s --reason %q",
		strings.TrimPrefix(sourceName(p), sourceWord), c.Site, keepOutFor, "sends far more than others")
}

// loudSources are those among what an agent finds wrong.
func loudSources(all []api.Attention) []plan.Source {
	var out []plan.Source
	for _, x := range all {
		if p, ok := sourceIn(x.Check); ok {
			out = append(out, plan.Source{Site: x.Check.Site, Source: p.String(), Text: x.Detail, Next: x.Next})
		}
	}
	return out
}

func topSources(all []gate.SourceRate) []api.SourceRate {
	out := []api.SourceRate{}
	for _, r := range all[:min(len(all), shownSources)] {
		out = append(out, api.SourceRate{Source: strings.TrimPrefix(sourceName(r.Prefix), sourceWord), PerSecond: r.PerSecond})
	}
	return out
}
