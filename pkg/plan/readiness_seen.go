package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Seen is what an agent saw of the world when it looked: what the State does not
// know.
type Seen struct {
	Machines     []Machine
	Certificates []Certificate
	Listeners    []Listener
	Blind        []Blind
	NameServers  []NameServer
	Parent       []ParentServer // none where nobody is asked
	Parity       []Parity
	Sources      []Source
	// Behind is how old the delayed copies should be at most; 0 for none.
	Behind time.Duration
}

// Machine is one agent as another one sees it.
type Machine struct {
	Name    fleet.AgentID
	Reached bool
	Epoch   uint64
	Problem string
	// CopyAt is when the delayed copy was taken; zero while there is none.
	CopyAt   time.Time
	Troubles []Trouble // of its replica, disk and identity
}

// Trouble is something wrong with one machine.
type Trouble struct {
	Now        bool // else within days
	Text, Next string
}

// Certificate is one that a gate shows to phones.
type Certificate struct {
	Site    fleet.SiteID
	File    string
	Until   time.Time // zero when there is none that can be used
	Problem string    // why the file is not used as it is
}

// Source is one that sends far more to a gate than it usually does and than
// others do.
type Source struct {
	Site       fleet.SiteID
	Source     string
	Text, Next string
}

// NameServerKind says whose name server it is.
type NameServerKind string

// The kinds.
const (
	Published NameServerKind = "name server" // one of ours, at its published address
	Follower  NameServerKind = "secondary"
	Resolver  NameServerKind = "resolver" // somebody else's, that phones use
)

// NameServer is one that was asked, from outside of the program.
type NameServer struct {
	Kind    NameServerKind
	Address string
	From    fleet.AgentID // that asked
	Name    string        // asked for
	Problem string        // why there is no good answer
	Serial  uint32        // of the zone; 0 from resolvers
	TTL     time.Duration
	// Most is how long an answer may be held at most; 0 where that does not matter.
	Most time.Duration
}

// Parity is how the softswitches' answers over a transport differ.
type Parity struct {
	Transport   string
	Differences []string
	Problem     string
}

// Limits from which on a certificate is a concern.
const (
	certificateSoon = 30 * 24 * time.Hour
	certificateNow  = 7 * 24 * time.Hour
)

// seen judges what was seen outside of the State.
func (r *readiness) seen(s Seen) {
	for _, m := range s.Machines {
		r.machine(m, s.Behind)
	}
	for _, c := range s.Certificates {
		r.certificate(c)
	}
	for _, l := range s.Listeners {
		r.listener(l)
	}
	for _, b := range s.Blind {
		r.blind(b)
	}
	r.nameServers(s.NameServers)
	r.parent(s.Parent)
	for _, x := range s.Sources {
		r.add(Finding{Grade: Broken, Topic: "traffic", Site: x.Site, Subject: x.Source, Next: x.Next}, "%s: %s", x.Site, x.Text)
	}
	for _, p := range s.Parity {
		f := Finding{Grade: Warning, Topic: "parity", Subject: p.Transport, Next: "sipsteer parity --transport " + p.Transport}
		switch {
		case p.Problem != "":
			f.Grade = Note
			r.add(f, "the softswitches' answers over %s were not compared: %s", p.Transport, p.Problem)
		case len(p.Differences) > 0:
			r.add(f, "the softswitches answer differently over %s: %s; phones that move meet it", p.Transport, strings.Join(p.Differences, ", "))
		}
	}
}

// machine looks at the copies of one agent and at what troubles it.
func (r *readiness) machine(m Machine, behind time.Duration) {
	if !m.Reached {
		return // told already
	}
	for _, t := range m.Troubles {
		f := Finding{Grade: Warning, Topic: "store", Subject: string(m.Name), Next: t.Next}
		if t.Now {
			f.Grade = Broken
		}
		r.add(f, "agent %s: %s", m.Name, t.Text)
	}
	f := Finding{Grade: Note, Topic: "copy", Subject: string(m.Name), Next: "sipsteer doctor " + string(m.Name)}
	switch age := r.now.Sub(m.CopyAt); {
	case behind <= 0:
	case m.CopyAt.IsZero():
		r.add(f, "agent %s has no delayed copy yet: what damages the state now cannot be taken from it", m.Name)
	case age > 2*behind:
		f.Grade = Warning
		r.add(f, "the delayed copy of agent %s is %s old, and should be about %s", m.Name, age.Round(time.Hour), behind)
	}
}

func (r *readiness) certificate(c Certificate) {
	f := Finding{Grade: Broken, Topic: "certificate", Site: c.Site, Subject: c.File, Next: "sipsteer cert check " + c.File + "   # on the machine of " + string(c.Site)}
	left := c.Until.Sub(r.now)
	switch {
	case c.Problem != "":
		r.add(f, "the certificate %s of %s is not used as it is: %s", c.File, c.Site, c.Problem)
	case c.Until.IsZero():
	case left <= 0:
		r.add(f, "the certificate %s of %s has expired", c.File, c.Site)
	case left < certificateNow:
		r.add(f, "the certificate %s of %s ends in %s", c.File, c.Site, days(left))
	case left < certificateSoon:
		f.Grade = Warning
		r.add(f, "the certificate %s of %s ends in %s", c.File, c.Site, days(left))
	}
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// nameServers judges each name server by what all agents that asked it came to: one
// that only some of them reach is well for some of the phones.
func (r *readiness) nameServers(all []NameServer) {
	same := func(a, b NameServer) bool { return a.Kind == b.Kind && a.Address == b.Address && a.Name == b.Name }
	for i, n := range all {
		if slices.ContainsFunc(all[:i], func(o NameServer) bool { return same(o, n) }) {
			continue
		}
		var well, ill []NameServer
		for _, o := range all[i:] {
			switch {
			case !same(o, n):
			case o.Problem == "":
				well = append(well, o)
			default:
				ill = append(ill, o)
			}
		}
		switch {
		case len(ill) > 0 && len(well) > 0:
			r.add(Finding{Grade: Warning, Topic: "dns", Subject: n.Address, Next: "sipsteer dns check   # from the machine of " + string(ill[0].From)},
				"%s %s answers %s, and not %s: %s; phones may be cut off from it as well", n.Kind, n.Address, askers(well), askers(ill), ill[0].Problem)
			n = well[0]
		case len(well) > 0:
			n = well[0]
		case len(ill) > 1:
			n.Problem = fmt.Sprintf("%s (asked by %s)", n.Problem, askers(ill))
		}
		r.nameServer(n)
	}
}

// askers are the agents that asked, in the order of their names.
func askers(all []NameServer) string {
	var names []string
	for _, n := range all {
		names = append(names, string(n.From))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

func (r *readiness) nameServer(n NameServer) {
	f := Finding{Grade: Broken, Topic: "dns", Subject: n.Address, Next: "sipsteer dns check"}
	if n.Kind == Resolver {
		f.Next = "dig @" + strings.TrimSuffix(n.Address, ":53") + " " + n.Name
	}
	switch {
	case n.Problem != "":
		r.add(f, "%s %s does not answer for %s as it should: %s", n.Kind, n.Address, n.Name, n.Problem)
	case n.Serial != 0 && int32(uint32(r.s.Epoch)-n.Serial) > 0: // RFC 1982
		f.Grade = Warning
		if n.Kind == Published {
			f.Grade = Broken
		}
		r.add(f, "%s %s serves epoch %d, and %d is in force", n.Kind, n.Address, n.Serial, r.s.Epoch)
	case n.Most > 0 && n.TTL > n.Most:
		f.Grade, f.Topic, f.Subject = Warning, "ttl", n.Address+" "+n.Name
		r.add(f, "%s is held for %s upstream (asked at %s), %s is wanted: so much longer a failover takes there", n.Name, n.TTL, n.Address, n.Most)
	}
}
