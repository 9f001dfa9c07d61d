package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

const (
	// evidenceFile is what this agent saw in incidents.
	evidenceFile = "evidence.json"
	// evidenceFormat is the version of what stands in it.
	evidenceFormat = 1
	// evidenceEvery is how often this agent looks whether there is more of it.
	evidenceEvery = 2 * time.Second
	// evidenceChecks are kept of one incident.
	evidenceChecks = 100
)

// keptEvidence is what this agent saw when checks failed in incidents, for the
// reports of them: the first failure of each check that was written down. It is kept
// as long as the State has the incident. The zero value has none.
type keptEvidence struct {
	mu sync.Mutex
	of map[string][]steer.Evidence // guarded by mu; by incident
}

// evidenceHeld is what evidenceFile holds.
type evidenceHeld struct {
	Format    int                         `json:"format"`
	Incidents map[string][]steer.Evidence `json:"incidents"`
}

// add takes in what was seen in an incident, and reports whether there was anything
// new.
func (k *keptEvidence) add(incident string, all []steer.Evidence) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	added := false
	for _, e := range all {
		have := k.of[incident]
		known := slices.ContainsFunc(have, func(o steer.Evidence) bool { return o.Check == e.Check })
		if known || len(have) >= evidenceChecks {
			continue
		}
		if k.of == nil {
			k.of = map[string][]steer.Evidence{}
		}
		k.of[incident] = append(have, e)
		added = true
	}
	return added
}

// forget drops the incidents that are no more, and reports whether there were any.
func (k *keptEvidence) forget(there func(incident string) bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := len(k.of)
	for id := range k.of {
		if !there(id) {
			delete(k.of, id)
		}
	}
	return len(k.of) < before
}

// get returns what was seen in an incident.
func (k *keptEvidence) get(incident string) []steer.Evidence {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]steer.Evidence{}, k.of[incident]...)
}

func (k *keptEvidence) encode() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return json.Marshal(evidenceHeld{evidenceFormat, k.of})
}

func (k *keptEvidence) decode(text []byte) error {
	var in evidenceHeld
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("decode evidence: %w", err)
	}
	if in.Format != evidenceFormat {
		return fmt.Errorf("decode evidence: format %d, this program knows %d", in.Format, evidenceFormat)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of = in.Incidents
	return nil
}

// recallEvidence reads what was kept before the last stop. Damage is named and costs
// the evidence, not the agent.
func (a *Agent) recallEvidence() error {
	text, err := checkedFile(filepath.Join(a.cfg.Dir, evidenceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = a.kept.decode(text)
	}
	if err != nil {
		a.log.Error().Err(err).Str("file", evidenceFile).Msg("cannot read what was seen in incidents; reports of them lack it")
	}
	return nil
}

// keepEvidence writes down what this agent sees while incidents last.
func (a *Agent) keepEvidence(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, evidenceEvery)
		s := a.state()
		if s.Fleet == nil || !a.addEvidence(&s, a.now()) {
			continue
		}
		text, err := a.kept.encode()
		if err == nil {
			err = replaceFile(filepath.Join(a.cfg.Dir, evidenceFile), text)
		}
		if err != nil {
			a.log.Error().Err(err).Msg("cannot keep what was seen in incidents")
		}
	}
}

// addEvidence takes in what the checks saw last, and reports whether there is
// anything to write.
func (a *Agent) addEvidence(s *steer.State, now time.Time) bool {
	changed := a.kept.forget(func(id string) bool { return s.Incident(id) != nil })
	var own *api.AgentChecks
	for i := range s.Incidents {
		in := &s.Incidents[i]
		if !in.Open() && now.Sub(in.ResolvedAt) > evidenceSlack {
			continue
		}
		if !a.failsAnew(s, in) {
			continue // an incident may be open for days
		}
		if own == nil {
			checks := a.OwnChecks()
			own = &checks
		}
		changed = a.kept.add(in.ID, a.seenIn(own, during(in, now))) || changed
	}
	return changed
}

// failsAnew reports whether this agent sees a check that counts fail at a site of an
// incident, of which nothing is kept yet.
func (a *Agent) failsAnew(s *steer.State, in *steer.Incident) bool {
	a.runnerMu.Lock()
	runner := a.runner
	a.runnerMu.Unlock()
	if runner == nil {
		return false
	}
	kept := a.kept.get(in.ID)
	if len(kept) >= evidenceChecks {
		return false
	}
	var counts []health.Check
	for _, o := range runner.Opinions() {
		if o.Status != health.Down || !slices.Contains(in.Sites, o.Check.Site) ||
			slices.ContainsFunc(kept, func(e steer.Evidence) bool { return e.Check == o.Check }) {
			continue
		}
		if counts == nil {
			counts = checksOf(s.Fleet)
		}
		if slices.Contains(counts, o.Check) {
			return true
		}
	}
	return false
}

// seenIn is what this agent saw of what is wanted.
func (a *Agent) seenIn(own *api.AgentChecks, wanted func(steer.Evidence) bool) []steer.Evidence {
	var out []steer.Evidence
	for _, c := range own.Checks {
		if e, ok := evidenceOf(c); ok && c.Verdict != "" && wanted(e) {
			e.Agent = a.cfg.Name
			out = append(out, e)
		}
	}
	return out
}

// KeptEvidence implements api.ProbeBackend.
func (a *Agent) KeptEvidence(incident string) []steer.Evidence { return a.kept.get(incident) }

// evidenceOfIncident is what the agents that can be reached see still, or have kept,
// of an incident.
func (a *Agent) evidenceOfIncident(ctx context.Context, in *steer.Incident) []steer.Evidence {
	peers := a.peers()
	kept := make([][]steer.Evidence, len(peers))
	a.everyPeer(ctx, peers, func(ctx context.Context, i int, p Peer) {
		if p.Name == a.cfg.Name {
			kept[i] = a.KeptEvidence(in.ID)
		} else {
			kept[i], _ = a.clientOf(p).KeptEvidence(ctx, in.ID) // one that is not reached, or older, has none
		}
	})
	return a.evidence(ctx, during(in, a.now()), slices.Concat(kept...)...)
}
