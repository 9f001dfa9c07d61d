package plan

import (
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Blind is a check that counts, of which agents have no data although they ask: they
// lack a password, a route, or sockets. Its verdict stays what it was last.
type Blind struct {
	Site       fleet.SiteID
	Check      health.Kind
	Transports []string
	Agents     []string // that have no data, sorted
	Nobody     bool     // no agent that can be reached has any; else the site's own has none
	Why        string   // in the words of one of them
}

// blind judges what is not seen: a fault of it would be found by nobody, or needs the
// word of the site's own agent and does not get it.
func (r *readiness) blind(b Blind) {
	f := Finding{Grade: Warning, Topic: "blind", Site: b.Site, Subject: string(b.Check), Next: "sipsteer probe run " + string(b.Site) + " " + string(b.Check)}
	over, why := strings.Join(b.Transports, ", "), ""
	if b.Why != "" {
		why = ": " + b.Why
	}
	if b.Nobody {
		f.Grade = Broken
		r.add(f, "nobody sees whether %s at %s works over %s, and its verdict stays what it was%s", b.Check, b.Site, over, why)
		return
	}
	r.add(f, "%s, at %s itself, has no data of %s over %s%s", strings.Join(b.Agents, ", "), b.Site, b.Check, over, why)
}
