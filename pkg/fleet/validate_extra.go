package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// extras checks the further checks.
func (v *validation) extras() {
	seen := once{}
	for i := range v.fleet.Checks.Extra {
		e, path := &v.fleet.Checks.Extra[i], fmt.Sprintf("$.checks.extra[%d]", i)
		if why := LabelProblem(e.Name); why != "" {
			v.add(path+".name", "one DNS label such as disk", "check name %q %s", e.Name, why)
		} else if before, twice := seen.put(e.Kind+":"+e.Name, path+".name"); twice {
			v.clash(path+".name", before, "give each check of a kind its own name", "check %s stands already", e.Name)
		}
		if !slices.Contains(ExtraKinds, e.Kind) {
			v.add(path+".kind", "one of "+strings.Join(ExtraKinds, ", "), "no further check is of the kind %q", e.Kind)
			continue
		}
		v.extraScope(path, e)
		v.extraWhat(path, e)
		v.extraTimes(path, e)
		switch e.Kind {
		case "metrics":
			v.extraNumbers(path, e)
		case "call":
			v.extraCall(path, e)
		}
	}
}

func (v *validation) extraScope(path string, e *Extra) {
	for j, name := range e.Softswitches {
		if !slices.ContainsFunc(v.fleet.Sites, func(s Site) bool {
			return slices.ContainsFunc(s.Softswitches, func(sw Softswitch) bool { return sw.Name == name })
		}) {
			v.add(fmt.Sprintf("%s.softswitches[%d]", path, j), "one of the softswitches above", "no softswitch is called %q", name)
		}
	}
	if e.Kind == "dns" && (e.Steers || len(e.Softswitches) > 0) {
		v.add(path+".steers", "leave steers and softswitches out", "a dns check is about name servers, and says nothing of a softswitch")
	}
	if e.Kind == "certificates" && e.Steers {
		v.add(path+".steers", "leave steers out; the tls check of the listener steers", "one customer's certificate moves nobody else")
	}
	if e.Cycle < 0 || e.Cycle != 0 && e.Cycle < e.Times(v.fleet.Checks).Interval {
		v.add(path+".cycle", "1h", "cycle is %s", e.Cycle)
	}
	if len(e.Transports) > 0 && !e.Steers {
		v.add(path+".transports", "steers: true, or leave transports out", "transports without steers say nothing")
	}
}

// extraWhat checks that what a kind needs is there, and nothing that it does
// not know.
func (v *validation) extraWhat(path string, e *Extra) {
	for _, f := range []struct {
		field string
		set   bool
		kinds string
		need  bool
		hint  string
	}{
		{"port", e.Port != 0, "tcp http dns metrics", e.Kind == "tcp" || e.Kind == "metrics", "port: 8021"},
		{"secure", e.Secure, "http metrics", false, ""},
		{"path", e.Path != "", "http metrics", false, ""},
		{"expect_status", len(e.ExpectStatus) > 0, "http", false, ""},
		{"contains", e.Contains != "", "tcp http dns", false, ""},
		{"question", e.Question != "", "dns", true, "question: _sip._udp.west"},
		{"type", e.Type != "", "dns", false, ""},
		{"resolvers", len(e.Resolvers) > 0, "dns", false, ""},
		{"run", e.Run != "", "exec", true, "run: the name of a command in each agent's file"},
		{"directory", e.Directory != "", "storage", true, "directory: the name of a directory in each agent's file"},
		{"slow", e.Slow != 0, "storage", false, ""},
		{"source", e.Source != "", "metrics", true, "source: one of " + strings.Join(MetricSources, ", ")},
		{"secret", e.Secret != "", "metrics", e.Source == "freeswitch", "secret: the name of the event socket's password"},
		{"over", e.Over != 0, "metrics", false, ""},
		{"to", e.To != "", "call", false, ""},
		{"to_site", e.ToSite != "", "call", false, ""},
		{"audio", e.Audio != "", "call", false, ""},
		{"talk", e.Talk != 0, "call", false, ""},
		{"loss", e.Loss != 0, "call", false, ""},
		{"cycle", e.Cycle != 0, "certificates", false, ""},
		{"numbers", len(e.Numbers) > 0, "metrics", true, "numbers: [{name: calls, metric: dialog.active_dialogs, usual: low}]"},
	} {
		known := slices.Contains(strings.Fields(f.kinds), e.Kind)
		if f.set && !known {
			v.add(path+"."+f.field, "leave it out", "%s means nothing to a %s check", f.field, e.Kind)
		}
		if !f.set && known && f.need {
			v.add(path+"."+f.field, f.hint, "a %s check needs %s", e.Kind, f.field)
		}
	}
	if e.Path != "" && (!strings.HasPrefix(e.Path, "/") || strings.ContainsFunc(e.Path, func(r rune) bool { return r <= ' ' || r > '~' })) {
		v.add(path+".path", "path: /health", "path %q", e.Path)
	}
	if e.Type != "" && !slices.Contains([]string{"A", "AAAA", "SRV", "NAPTR", "SOA", "NS"}, e.Type) {
		v.add(path+".type", "A, AAAA, SRV, NAPTR, SOA or NS", "type %q", e.Type)
	}
	v.extraResolvers(path, e)
	if len(e.Contains) > 1000 {
		v.add(path+".contains", "at most 1000 octets", "the text has %d octets", len(e.Contains))
	}
	for _, n := range []struct{ field, name string }{{"run", e.Run}, {"directory", e.Directory}} {
		if why := LabelProblem(n.name); n.name != "" && why != "" {
			v.add(path+"."+n.field, "the name that stands in the agent file, not the thing itself", "%q %s", n.name, why)
		}
	}
	if e.Question != "" {
		// _sip and _udp are owner names of services (RFC 2782), not of hosts.
		if why := nameProblem(strings.ReplaceAll(e.Question, "_", "u")); why != "" {
			v.add(path+".question", "_sip._udp.west, or absolute with a trailing dot", "question %q %s", e.Question, why)
		}
	}
}

// maxResolvers bounds them: each is asked by every agent.
const maxResolvers = 16

func (v *validation) extraResolvers(path string, e *Extra) {
	if n := len(e.Resolvers); n > maxResolvers {
		v.add(path+".resolvers", fmt.Sprintf("at most %d", maxResolvers), "%d resolvers", n)
	}
	for i, a := range e.Resolvers {
		at := fmt.Sprintf("%s.resolvers[%d]", path, i)
		switch {
		case !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "":
			v.add(at, "an address, such as 192.0.2.53", "no resolver is at %q", a)
		case slices.Contains(e.Resolvers[:i], a):
			v.add(at, "name each once", "resolver %s stands already", a)
		}
	}
}

func (v *validation) extraTimes(path string, e *Extra) {
	t := e.Times(v.fleet.Checks)
	if t.Interval < leastInterval || t.Interval > mostInterval {
		v.add(path+".interval", "50ms to 1h", "interval is %s", t.Interval)
	}
	if t.Timeout <= 0 || t.Timeout > t.Interval {
		v.add(path+".timeout", "above zero, at most the interval", "timeout is %s with an interval of %s", t.Timeout, t.Interval)
	}
	if e.Slow < 0 || e.Slow > t.Timeout {
		v.add(path+".slow", "above zero, at most the timeout", "slow is %s with a timeout of %s", e.Slow, t.Timeout)
	}
	for _, n := range []struct {
		field string
		value int
	}{{"fall", t.Fall}, {"reset", t.Reset}, {"rise", t.Rise}} {
		if n.value < 1 || n.value > 1000 {
			v.add(path+"."+n.field, "1 to 1000", "%s is %d", n.field, n.value)
		}
	}
}
