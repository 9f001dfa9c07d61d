package plan

import (
	"fmt"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
)

// Listener is a TLS listener of a softswitch, with the certificate of those that it
// shows that ends first.
type Listener struct {
	Site    fleet.SiteID
	Place   string      // SWITCH/TRANSPORT
	Check   health.Kind // that saw it: of the listener, or of all names that it serves
	Address string
	Of      string // whose certificate it is
	Until   time.Time
}

// listener judges how long the certificate of a softswitch lasts. That it has ended is
// said by its check.
func (r *readiness) listener(l Listener) {
	left := l.Until.Sub(r.now)
	if left <= 0 || left >= certificateSoon {
		return
	}
	f := Finding{Grade: Broken, Topic: "certificate", Site: l.Site, Subject: l.Place, Next: "sipsteer cert check " + l.Address}
	if l.Check.Base() != health.TLS {
		f.Subject = fmt.Sprintf("%s/%s", l.Place, l.Check)
		f.Next = fmt.Sprintf("sipsteer cert check --domain %s %s", l.Of, l.Address)
	}
	if left >= certificateNow {
		f.Grade = Warning
	}
	r.add(f, "the certificate of %s that %s/%s shows ends in %s", l.Of, l.Site, l.Place, days(left))
}
