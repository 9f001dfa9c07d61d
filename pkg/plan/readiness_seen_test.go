package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestReadinessOfWhatIsSeen: what the State does not know, each with its grade and
// a command to type; what is as it should be is not told.
func TestReadinessOfWhatIsSeen(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	s, machines := ready(t, now)
	s.Epoch = 20
	for i := range machines {
		machines[i].Epoch = 20
		machines[i].CopyAt = now.Add(-25 * time.Hour)
	}
	cert := func(left time.Duration) plan.Seen {
		return plan.Seen{Certificates: []plan.Certificate{{Site: "ottawa", File: "/etc/west.pem", Until: now.Add(left)}}}
	}
	shown := func(kind health.Kind, left time.Duration) plan.Seen {
		return plan.Seen{Listeners: []plan.Listener{{
			Site: "ottawa", Place: "ott1/tls", Check: kind, Address: "192.0.2.5:5061", Of: "acme.example.net", Until: now.Add(left),
		}}}
	}
	server := func(n plan.NameServer) plan.Seen {
		n.Address, n.Name = "192.0.2.1:53", "voice.example.net"
		return plan.Seen{NameServers: []plan.NameServer{n}}
	}
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		seen  plan.Seen
		says  string // "" is nothing
		grade plan.Grade
	}{
		"a good certificate":         {cert(60 * day), "", ""},
		"one that ends":              {cert(20 * day), "ends in 20 days", plan.Warning},
		"one that ends soon":         {cert(30 * time.Hour), "ends in 30 hours", plan.Broken},
		"one that has ended":         {cert(-time.Hour), "has expired", plan.Broken},
		"one that is refused":        {plan.Seen{Certificates: []plan.Certificate{{Site: "ottawa", File: "x", Problem: "no key"}}}, "is not used as it is: no key", plan.Broken},
		"a softswitch's":             {shown(health.TLS, 60*day), "", ""},
		"a softswitch's that ends":   {shown(health.TLS, 20*day), "the certificate of acme.example.net that ottawa/ott1/tls shows ends in 20 days", plan.Warning},
		"it ends soon":               {shown(health.TLS, 30*time.Hour), "ends in 30 hours", plan.Broken},
		"it has ended":               {shown(health.TLS, -time.Hour), "", ""}, // its check says so
		"a tenant's that ends":       {shown("certificates:all", 3*day), "ends in 3 days", plan.Broken},
		"a check that nobody sees":   {plan.Seen{Blind: []plan.Blind{{Site: "ottawa", Check: "register", Transports: []string{"tcp", "udp"}, Agents: []string{"a", "b"}, Nobody: true, Why: "no password"}}}, "nobody sees whether register at ottawa works over tcp, udp, and its verdict stays what it was: no password", plan.Broken},
		"one of no local data":       {plan.Seen{Blind: []plan.Blind{{Site: "ottawa", Check: "register", Transports: []string{"udp"}, Agents: []string{"a"}}}}, "a, at ottawa itself, has no data of register over udp", plan.Warning},
		"a good name server":         {server(plan.NameServer{Kind: plan.Published, Serial: 20}), "", ""},
		"one that is ahead":          {server(plan.NameServer{Kind: plan.Published, Serial: 21}), "", ""},
		"one that is behind":         {server(plan.NameServer{Kind: plan.Published, Serial: 19}), "serves epoch 19, and 20", plan.Broken},
		"a secondary behind":         {server(plan.NameServer{Kind: plan.Follower, Serial: 3}), "secondary 192.0.2.1:53 serves epoch 3", plan.Warning},
		"one that is silent":         {server(plan.NameServer{Kind: plan.Published, Problem: "i/o timeout"}), "i/o timeout", plan.Broken},
		"a resolver":                 {server(plan.NameServer{Kind: plan.Resolver, TTL: time.Minute, Most: time.Minute}), "", ""},
		"one that holds too long":    {server(plan.NameServer{Kind: plan.Resolver, TTL: time.Hour, Most: time.Minute}), "is held for 1h0m0s upstream", plan.Warning},
		"one that is cut off":        {server(plan.NameServer{Kind: plan.Resolver, Problem: "answers NXDOMAIN"}), "answers NXDOMAIN", plan.Broken},
		"the same answers":           {plan.Seen{Parity: []plan.Parity{{Transport: "udp"}}}, "", ""},
		"different answers":          {plan.Seen{Parity: []plan.Parity{{Transport: "tls", Differences: []string{"allow of options"}}}}, "allow of options", plan.Warning},
		"answers not compared":       {plan.Seen{Parity: []plan.Parity{{Transport: "tls", Problem: "one softswitch"}}}, "one softswitch", plan.Note},
		"a good copy":                {plan.Seen{Behind: day}, "", ""},
		"an old copy":                {plan.Seen{Behind: 6 * time.Hour}, "25h0m0s old", plan.Warning},
		"a disk that is almost full": {plan.Seen{Machines: []plan.Machine{{Name: "z", Reached: true, Epoch: 20, Troubles: []plan.Trouble{{Now: true, Text: "3 % of the disk", Next: "make room"}}}}}, "agent z: 3 % of the disk", plan.Broken},
		"no copy yet":                {plan.Seen{Behind: day, Machines: []plan.Machine{{Name: "z", Reached: true, Epoch: 20}}}, "no delayed copy yet", plan.Note},
	} {
		t.Run(name, func(t *testing.T) {
			c.seen.Machines = append(c.seen.Machines, machines...)
			got := plan.Readiness(s, c.seen, now)
			if c.says == "" && len(got) != 0 || c.says != "" && len(got) == 0 {
				t.Fatalf("%+v", got)
			}
			if c.says != "" && (!strings.Contains(got[0].Text, c.says) || got[0].Grade != c.grade || got[0].Next == "") {
				t.Errorf("%+v, want %q as %s, with a command", got[0], c.says, c.grade)
			}
		})
	}
}

// TestConcerns: people are told of what is broken or warned of and not known in
// another way, each thing once.
func TestConcerns(t *testing.T) {
	findings := []plan.Finding{
		{Grade: plan.Broken, Topic: "dns", Subject: "b", Text: "b is silent"},
		{Grade: plan.Warning, Topic: "dns", Subject: "b", Text: "b is behind"},
		{Grade: plan.Warning, Topic: "drill", Site: "ottawa", Text: "never practised"},
		{Grade: plan.Warning, Topic: "drain", Site: "ottawa", Text: "drained"},
		{Grade: plan.Broken, Topic: "loss", Site: "calgary", Text: "cannot be taken out"},
		{Grade: plan.Note, Topic: "capacity", Text: "not stated"},
	}
	keys := func(s steer.State) (out []string) {
		for _, c := range plan.ConcernsOf(s, findings) {
			out = append(out, c.Key+" "+c.Grade)
		}
		return out
	}
	if got := strings.Join(keys(steer.State{}), ", "); got != "dns///b broken, drill/ottawa// warning, loss/calgary// broken" {
		t.Error(got)
	}
	if got := strings.Join(keys(steer.State{Drains: []steer.Drain{{}}}), ", "); got != "dns///b broken, drill/ottawa// warning" {
		t.Error(got)
	}
}

// TestAcknowledgedFindingsComeLast: with who accepts them; what is a note, or known
// in another way, has no name to acknowledge it by.
func TestAcknowledgedFindingsComeLast(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	s, machines := ready(t, now)
	s.Practice = s.Practice[1:]
	s.Fleet.Sites[1].Capacity.Calls = 0
	s.Concerns.Acks = []steer.ConcernAck{
		{Key: "certificate/ottawa//x.pem", Grade: steer.ConcernBroken, Intent: steer.Intent{Owner: "alice", Reason: "ordered", Until: now.Add(time.Hour)}},
		{Key: "drill/calgary//", Grade: steer.ConcernWarning, Intent: steer.Intent{Owner: "alice", Until: now}}, // over
	}
	seen := plan.Seen{Machines: machines, Certificates: []plan.Certificate{{Site: "ottawa", File: "x.pem", Until: now.Add(-time.Hour)}}}
	var got []string
	for _, f := range plan.Readiness(s, seen, now) {
		line := f.Topic + " " + f.Concern
		if f.Acked != nil {
			line += " by " + f.Acked.Owner
		}
		got = append(got, line)
	}
	if want := "drill drill/calgary, capacity , certificate certificate/ottawa//x.pem by alice"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// TestNameServersAskedByAll: one that only some agents reach is named with whom;
// one that none reaches is broken; each once.
func TestNameServersAskedByAll(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	asked := func(problems ...string) (out []plan.NameServer) {
		for i, p := range problems {
			out = append(out, plan.NameServer{Kind: plan.Published, Address: "192.0.2.1:53", Name: "voice.example.net", From: []fleet.AgentID{"calgary", "ottawa", "vancouver"}[i], Problem: p, Serial: 20})
		}
		return out
	}
	for name, c := range map[string]struct {
		seen []plan.NameServer
		want []string
	}{
		"all":  {asked("", "", ""), nil},
		"some": {asked("", "i/o timeout", ""), []string{"warning name server 192.0.2.1:53 answers calgary, vancouver, and not ottawa: i/o timeout; phones may be cut off from it as well"}},
		"none": {asked("refused", "i/o timeout", "refused"), []string{"broken name server 192.0.2.1:53 does not answer for voice.example.net as it should: refused (asked by calgary, ottawa, vancouver)"}},
		"some, and behind": {append(asked("x")[:1], plan.NameServer{Kind: plan.Published, Address: "192.0.2.1:53", Name: "voice.example.net", From: "ottawa", Serial: 19}), []string{
			"broken name server 192.0.2.1:53 serves epoch 19, and 20 is in force",
			"warning name server 192.0.2.1:53 answers ottawa, and not calgary: x; phones may be cut off from it as well",
		}},
	} {
		s, machines := ready(t, now)
		s.Epoch = 20
		for i := range machines {
			machines[i].Epoch = 20
		}
		var got []string
		for _, f := range plan.Readiness(s, plan.Seen{Machines: machines, NameServers: c.seen}, now) {
			got = append(got, string(f.Grade)+" "+f.Text)
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
