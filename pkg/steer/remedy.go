package steer

import (
	"fmt"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// suspectTime is how long before a common cause a change of the fleet file, or of the
// tenants, is named as what may have brought it: both reach every site.
const suspectTime = time.Hour

// remedy is what to type at a common cause, beside moving all the same: back to
// before the change of the fleet file or of the tenants that it followed, or to the certificate
// that fails everywhere, or without the source that floods everywhere. What runs at the softswitches is not ours to put back.
func (v *view) remedy(b *Brake, slot Slot) string {
	anyway := "to move all the same: sipsteer failover " + string(slot.Site)
	if c := v.sharedCertificate(b); c != nil {
		next := fmt.Sprintf("sipsteer cert check %s   # what is wrong with it; then put the certificate from before back at the softswitches, which is not done from here", v.listenerOf(c.Check))
		if slot.Transport.Secure() {
			next += fmt.Sprintf("; until then, if phones may fall back to clear: sipsteer runbook run tls-off --set site=%s --reason …", slot.Site)
		}
		return next + "; " + anyway
	}
	if b.Source.IsValid() {
		return v.keepOut(b) + "; " + anyway
	}
	if e := v.changeBefore(b.Since); e != nil {
		return fmt.Sprintf("%s --reason …   # what %s changed %s before it is undone: %.120s; %s",
			undoing(e), e.By, b.Since.Sub(e.At).Round(time.Second), e.Text, anyway)
	}
	return "sipsteer history   # what changed at these sites; " + anyway
}

// sharedCertificate is one of the checks of a brake when all that fail because of
// a certificate fail because of the same one, at several sites; else nil.
func (v *view) sharedCertificate(b *Brake) *health.Verdict {
	var first *health.Verdict
	several := false
	for i := range v.Verdicts {
		x := &v.Verdicts[i]
		if x.Status != health.Down || x.Check.Kind != b.Kind || !b.holds(x.Check.Site, x.Check.Transport) {
			continue
		}
		if x.Certificate == "" || first != nil && x.Certificate != first.Certificate {
			return nil
		}
		if first == nil {
			first = x
		}
		several = several || x.Check.Site != first.Check.Site
	}
	if !several {
		return nil
	}
	return first
}

// listenerOf is the address that a check asks.
func (v *view) listenerOf(c health.Check) string {
	if site := v.Fleet.Site(c.Site); site != nil {
		for _, sw := range site.Softswitches {
			for _, l := range sw.Listeners {
				if sw.Name == c.Switch && l.Transport == c.Transport {
					return l.Address.String()
				}
			}
		}
	}
	return "HOST:PORT"
}

// undoing is the command that takes a change back.
func undoing(e *Event) string {
	if e.Kind == EventTenants {
		return "sipsteer tenant rollback"
	}
	return fmt.Sprintf("sipsteer rollback %d", e.Epoch-1)
}

// changeBefore is the last change of the fleet file or of the tenants, by a person,
// in the hour before; nil when there was none, or nothing was before it.
func (v *view) changeBefore(at time.Time) *Event {
	for _, e := range slices.Backward(v.Events) {
		change := e.Kind == EventFleet || e.Kind == EventTenants
		if change && e.By != AutomationOwner && e.Epoch > 1 && !e.At.After(at) && at.Sub(e.At) <= suspectTime {
			return e
		}
	}
	return nil
}
