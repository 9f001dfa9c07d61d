package agent

import (
	"fmt"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// whyLines tells a name server's client why a name is answered as it is, at the
// epoch that is served here; nil if the name is none of the zone's.
func (a *Agent) whyLines(name string) []string {
	now, _ := a.pub.served()
	if now.state.Fleet == nil {
		return nil
	}
	e, err := steer.Explain(now.state, name)
	if err != nil {
		return nil
	}
	lines := []string{fmt.Sprintf("epoch %d at %s", e.Epoch, a.cfg.Name)}
	if e.Tenant != nil {
		lines = append(lines, e.Tenant.String())
	}
	for _, r := range e.Records {
		lines = append(lines, fmt.Sprintf("%s %s: %s", r.Type, r.Text, withChecks(r.Reason, r.Checks)))
	}
	for _, l := range e.LeftOut {
		lines = append(lines, fmt.Sprintf("%s %s left out: %s", l.Site, l.Transport, withChecks(l.Reason, l.Checks)))
	}
	return lines
}

func withChecks(reason string, checks []string) string {
	if len(checks) == 0 {
		return reason
	}
	return reason + " (" + strings.Join(checks, "; ") + ")"
}
