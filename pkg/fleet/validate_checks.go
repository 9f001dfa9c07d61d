package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// kinds checks the settings of single kinds of check.
func (v *validation) kinds() {
	c, seen := v.fleet.Checks, once{}
	for i, t := range c.Kinds {
		path, kind := fmt.Sprintf("$.checks.kinds[%d]", i), t.Kind
		if !slices.Contains(CheckKinds, kind) {
			v.add(path+".kind", "one of "+strings.Join(CheckKinds, ", "), "no check is of the kind %q", kind)
			continue
		}
		if before, twice := seen.put(kind, path+".kind"); twice {
			v.clash(path+".kind", before, "write all settings of a kind in one place", "the kind %s stands already", kind)
			continue
		}
		if kind == "options" && t.Off {
			v.add(path+".off", "leave it out", "options cannot be left out: it says whether a softswitch is alive")
		}
		used := c.Of(kind)
		if used.Interval < leastInterval || used.Interval > mostInterval {
			v.add(path+".interval", "50ms to 1h", "interval is %s", used.Interval)
		}
		if used.Timeout <= 0 || used.Timeout > used.Interval {
			v.add(path+".timeout", "above zero, at most the interval", "timeout is %s with an interval of %s", used.Timeout, used.Interval)
		}
		for _, n := range []struct {
			field string
			value int
		}{{"fall", used.Fall}, {"reset", used.Reset}, {"rise", used.Rise}} {
			if n.value < 1 || n.value > 1000 {
				v.add(path+"."+n.field, "1 to 1000", "%s is %d", n.field, n.value)
			}
		}
	}
}

// canaries checks the test subscribers.
func (v *validation) canaries() {
	for i, k := range v.fleet.Checks.Canaries {
		path := fmt.Sprintf("$.checks.canaries[%d]", i)
		if k.Site != "" && v.fleet.Site(k.Site) == nil {
			v.add(path+".site", "one of the sites above, or leave it out for all", "no site is called %q", k.Site)
		}
		if k.User == "" || strings.ContainsFunc(k.User, notUser) || len(k.User) > 64 {
			v.add(path+".user", "the user part of its address, for example canary", "user %q", k.User)
		}
		if why := LabelProblem(k.Secret); why != "" {
			v.add(path+".secret", "the name of a file in each agent's secrets_dir, never the password itself", "the name of the secret %s", why)
		}
		if k.Domain != "" {
			if why := nameProblem(k.Domain); why != "" {
				v.add(path+".domain", "its SIP domain", "domain %q %s", k.Domain, why)
			}
		}
		for j, t := range k.Transports {
			if !t.Valid() {
				v.add(fmt.Sprintf("%s.transports[%d]", path, j), "udp, tcp, tls, ws or wss", "no login can be tried over %s", t)
			}
		}
	}
}

// notUser reports what may not stand in the user part of an address without
// being escaped (RFC 3261 §25.1).
func notUser(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.!~*'()&=+$,;?/", r))
}
