package rules

import (
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sipsteer/sipsteer/"

// layers is a statement of policy: what each place of the tree may import of
// ours. A place covers the packages below it. What is not listed may not exist.
// The table in docs/ARCHITECTURE.md has the same rows.
var layers = map[string]struct {
	may    string // places, separated by spaces
	reason string
}{
	"pkg/fleet":       {"", "the words that all others use"},
	"pkg/health":      {"pkg/fleet", "what is believed depends on what exists"},
	"pkg/srv":         {"pkg/fleet", "zones are values; simulated phones read them too"},
	"pkg/steer":       {"pkg/fleet pkg/health pkg/srv", "the core sees no adapter"},
	"pkg/plan":        {"pkg/fleet pkg/health pkg/srv pkg/steer", "plan runs the core, and nothing else"},
	"pkg/sim":         {"pkg/fleet pkg/health pkg/srv pkg/steer", "a world around the core"},
	"pkg/runbook":     {"pkg/fleet pkg/health pkg/srv pkg/steer", "the next step follows from the State"},
	"pkg/incident":    {"pkg/fleet pkg/health pkg/srv pkg/steer", "a report follows from the history"},
	"pkg/logging":     {"", "lends one logger to libraries"},
	"pkg/sipwire":     {"", "octets of SIP"},
	"pkg/eventsocket": {"", "words to a FreeSWITCH, for two adapters that may not import each other"},
	"pkg/wholefile":   {"", "files that are there whole, for two parts that may not import each other"},
	"pkg/pki":         {"pkg/wholefile", "identities of agents and operators"},
	"pkg/certlint":    {"", "certificates, judged"},
	"pkg/notify":      {"", "messages out; agent says which"},
	"pkg/syslog":      {"", "lines out; cli gives agent the sender"},
	"pkg/config":      {"pkg/fleet pkg/sim pkg/runbook pkg/wholefile", "files become fleets"},
	"pkg/gate":        {"pkg/fleet pkg/sipwire pkg/eventsocket", "an adapter: agent tells it the policy"},
	"dnsserver":       {"pkg/fleet pkg/srv", "an adapter: agent gives it zones"},
	"raftstore":       {"pkg/fleet pkg/logging pkg/wholefile", "an adapter: replicates any machine, knows no decision"},
	"probes":          {"pkg/fleet pkg/health pkg/certlint pkg/eventsocket", "an adapter: agent takes its observations"},
	"pkg/api":         {"pkg/fleet pkg/health pkg/srv pkg/steer pkg/plan pkg/runbook pkg/incident", "the words of the API"},
	"pkg/agent":       {"pkg/fleet pkg/health pkg/srv pkg/steer pkg/plan pkg/runbook pkg/incident pkg/logging pkg/pki pkg/certlint pkg/notify pkg/config pkg/gate dnsserver raftstore probes pkg/api pkg/wholefile", "the composition root"},
	"pkg/lab":         {"pkg/fleet pkg/srv pkg/steer pkg/config pkg/api pkg/pki", "starts agents as processes, so it needs none of their parts"},
	"pkg/console":     {"pkg/fleet pkg/steer pkg/api pkg/lab", "shows what the API says"},
	"pkg/cli":         {"*", "on top"},
	"cmd/sipsteer":    {"pkg/cli", "the process: signals and one exit"},
	"pkg/rules":       {"", "looks at the source, imports none of it"},
	"examples":        {"", "files that people copy; their tests run the program"},
	".ci/testreport":  {"", "a tool"},
	".ci/coredns":     {"", "a tool, in a module of its own: what it needs is no business of the program"},
}

// owners says which places alone may import a module of others, so that a move
// to another one touches one folder.
var owners = map[string]struct{ may, reason string }{
	"github.com/miekg/dns":                {"dnsserver probes/dns", "version 1 is in maintenance; a later move touches one folder"},
	"github.com/dnstap":                   {"dnsserver/tap", "one writer of samples"},
	"github.com/farsightsec":              {"dnsserver/tap", "as dnstap"},
	"github.com/hashicorp/raft":           {"raftstore", "its pitfalls are known in one place"},
	"github.com/hashicorp/raft-boltdb":    {"raftstore", "as raft"},
	"go.etcd.io/bbolt":                    {"raftstore", "as raft"},
	"github.com/emiago/sipgo":             {"probes pkg/gate pkg/lab", "the core speaks no SIP; the lab's softswitches and phones do"},
	"github.com/spf13/cobra":              {"pkg/cli", "one command line"},
	"github.com/danielgtaylor/huma":       {"pkg/api", "one API"},
	"github.com/goccy/go-yaml":            {"pkg/config", "one reader of files, with positions"},
	"charm.land/bubbletea":                {"pkg/console", "one live view"},
	"github.com/expr-lang/expr":           {"pkg/runbook", "one language of conditions"},
	"github.com/prometheus/client_golang": {"pkg/agent", "adapters give numbers, agent publishes them"},
}

func TestImportsPointInward(t *testing.T) {
	for _, p := range tree(t) {
		rule, place, ok := layerOf(p.path)
		if !ok {
			t.Errorf("%s: no row in the table of layers: say what it may import, and why", p.path)
			continue
		}
		for _, i := range p.imports {
			ours, is := strings.CutPrefix(i.path, module)
			if !is || within(ours, place) || rule.may == "*" {
				continue
			}
			if strings.HasSuffix(p.path, "test") && strings.HasSuffix(ours, "test") {
				continue // one helper of tests uses another
			}
			if i.test && (strings.HasSuffix(ours, "test") || within(place, "cmd") || within(place, "pkg/lab") || within(place, "examples")) {
				continue // helpers such as pkg/fleet/fleettest; tests of the whole program
			}
			if !slices.ContainsFunc(strings.Fields(rule.may), func(m string) bool { return within(ours, m) }) {
				t.Errorf("%s: %s imports %s; it may import only [%s]: %s", i.pos, p.path, ours, rule.may, rule.reason)
			}
		}
	}
}

func TestModulesHaveOwners(t *testing.T) {
	for _, p := range tree(t) {
		for _, i := range p.imports {
			for mod, owner := range owners {
				if i.test || !within(i.path, mod) && !strings.HasPrefix(i.path, mod+"/") {
					continue
				}
				if !slices.ContainsFunc(strings.Fields(owner.may), func(m string) bool { return within(p.path, m) }) {
					t.Errorf("%s: only %s may import %s: %s", i.pos, owner.may, mod, owner.reason)
				}
			}
		}
	}
}

// TestLayersAreDocumented compares the table with the one that people read.
func TestLayersAreDocumented(t *testing.T) {
	rows := documentedPlaces(t, "docs/ARCHITECTURE.md")
	exist := map[string]bool{}
	for _, p := range tree(t) {
		if _, place, ok := layerOf(p.path); ok {
			exist[place] = true
		}
	}
	for place := range exist {
		if !slices.Contains(rows, place) && !within(place, ".ci") && place != "pkg/rules" && place != "examples" {
			t.Errorf("docs/ARCHITECTURE.md: the table of the tree has no row for %s", place)
		}
	}
	for _, row := range rows {
		if !exist[row] {
			t.Errorf("docs/ARCHITECTURE.md: %s is in the table but not in the tree", row)
		}
	}
}

func layerOf(path string) (rule struct{ may, reason string }, place string, ok bool) {
	for l, r := range layers {
		if within(path, l) && len(l) > len(place) {
			rule, place, ok = r, l, true
		}
	}
	return rule, place, ok
}

// within reports whether a path is a place or lies below it.
func within(path, place string) bool {
	return path == place || strings.HasPrefix(path, place+"/")
}
