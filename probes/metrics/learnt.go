package metrics

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// learntFormat is the version of what Encode writes.
const learntFormat = 1

// learnt is what a prober keeps over a restart.
type learnt struct {
	Format  int           `json:"format"`
	Numbers []learntAbout `json:"numbers"`
}

type learntAbout struct {
	Site     fleet.SiteID    `json:"site"`
	Switch   fleet.SwitchID  `json:"switch"`
	Kind     health.Kind     `json:"kind"`
	Number   string          `json:"number"`
	Baseline health.Baseline `json:"baseline"`
}

// forgetAfter is how long nothing may be learnt about a number before it is
// forgotten: longer than any baseline looks back.
const forgetAfter = 100 * 24 * time.Hour

// Encode returns what was learnt so far, the same text for the same knowledge.
func (p *Prober) Encode() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := learnt{Format: learntFormat, Numbers: []learntAbout{}}
	old := time.Now().Add(-forgetAfter).Unix() / 60
	for k, s := range p.series {
		if s.baseline.Minute > old {
			out.Numbers = append(out.Numbers, learntAbout{k.site, k.sw, k.kind, k.number, s.baseline})
		}
	}
	slices.SortFunc(out.Numbers, func(a, b learntAbout) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number))
	})
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode what is usual: %w", err)
	}
	return text, nil
}

// Learnt reports whether there is anything to keep.
func (p *Prober) Learnt() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.series {
		if s.baseline.Minute > 0 {
			return true
		}
	}
	return false
}

// Restore takes in what Encode wrote. On an error nothing is taken.
func (p *Prober) Restore(text []byte) error {
	var in learnt
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("read what is usual: %w", err)
	}
	if in.Format != learntFormat {
		return fmt.Errorf("read what is usual: format %d, this program knows %d", in.Format, learntFormat)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range in.Numbers {
		p.series[key{n.Site, n.Switch, n.Kind, n.Number}] = &series{baseline: n.Baseline}
	}
	return nil
}
