package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/runbook"
)

// TestBuiltinRunbooks: what comes with the program can be run.
func TestBuiltinRunbooks(t *testing.T) {
	if len(runbook.Builtin()) < 9 {
		t.Fatalf("only %v", runbook.Builtin())
	}
	for _, name := range runbook.Builtin() {
		b, _, err := config.BuiltinRunbook(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b.Name != name {
			t.Errorf("the file %s holds %s", name, b.Name)
		}
	}
}

// TestBadRunbooks: each defect is told at its line, with the way out.
func TestBadRunbooks(t *testing.T) {
	const head = "format: 1\nname: x\nsummary: s\nvalues: [{name: site, kind: site}]\nsteps:\n"
	for name, c := range map[string]struct{ text, says, at string }{
		"a cycle":               {head + "- {id: a, do: notify, text: t, after: [b]}\n- {id: b, do: notify, text: t, after: [a]}\n", "steps wait for each other: a waits for b waits for a", ":6:"},
		"waits for itself":      {head + "- {id: a, do: notify, text: t, after: [a]}\n", "a waits for itself", ":6:"},
		"an unknown step":       {head + "- {id: a, do: notify, text: t, after: [z]}\n", `no step is called "z"`, ":6:"},
		"an unknown act":        {head + "- {id: a, do: reboot}\n", `no step does "reboot"`, ":6:"},
		"a name twice":          {head + "- {id: a, do: notify, text: t}\n- {id: a, do: notify, text: t}\n", "another step is called a too", ":7:"},
		"a condition's type":    {head + "- {id: a, do: wait, until: 'left(\"x\")'}\n", "expected bool, but got int", ":6:"},
		"a condition's word":    {head + "- {id: a, do: wait, until: 'healthy(\"x\")'}\n", "unknown name healthy", ":6:"},
		"a condition's number":  {head + "- {id: a, do: wait, until: 'up(\"x\")'}\n", "not enough arguments", ":6:"},
		"a condition's compare": {head + "- {id: a, do: wait, until: 'left(\"x\") == \"none\"'}\n", "mismatched types", ":6:"},
		"a huge condition":      {head + "- {id: a, do: wait, until: 'not held()" + strings.Repeat(" and not held()", 100) + "'}\n", "cannot be used", ":6:"},
		"no condition":          {head + "- {id: a, do: wait}\n", "a step that does wait needs until", ":6:"},
		"no site":               {head + "- {id: a, do: drain}\n", "a step that does drain needs site", ":6:"},
		"an unknown value":      {head + "- {id: a, do: drain, site: \"${town}\"}\n", "${town} is no value of this runbook", ":6:"},
		"an unknown key":        {head + "- {id: a, do: drain, site: x, role: boss}\n", "role", ":6:"},
		"an endless limit":      {head + "- {id: a, do: manual, text: t, limit: 1000h}\n", "at most 72h", ":6:"},
		"stays over the limit":  {head + "- {id: a, do: wait, until: held(), stays: 2m, limit: 1m}\n", "cannot be over before the limit", ":6:"},
		"an undo of nothing":    {head + "- {id: a, do: drain, site: x, undo: {do: notify}}\n", `"notify" takes nothing back`, ":6:"},
		"a webhook to a file":   {head + "- {id: a, do: webhook, url: 'file:///etc/passwd'}\n", "a step that does webhook needs url", ":6:"},
		"a shell":               {head + "- {id: a, do: exec, command: [rm -rf]}\n", "a step that does exec needs command", ":6:"},
		"people for a drain":    {head + "- {id: a, do: drain, site: x, people: 2}\n", "only approve counts people", ":6:"},
		"a skipped approval":    {head + "- {id: a, do: approve, text: t, on_limit: skip}\n", "is none", ":6:"},
		"an edge of nowhere":    {head + "- {id: a, do: edge, command: [dispatcher.reload]}\n", "a step that does edge needs site", ":6:"},
		"an edge without words": {head + "- {id: a, do: edge, site: x}\n", "a step that does edge needs command", ":6:"},
		"tries of an edge":      {head + "- {id: a, do: edge, site: x, command: [a.b], tries: 2}\n", "only webhook, parity and stragglers have tries", ":6:"},
		"a command for a drain": {head + "- {id: a, do: drain, site: x, command: [a]}\n", "only exec and edge have a command", ":6:"},
		"no cohort":             {head + "- {id: a, do: drain, site: x, cohort: five}\n", `"five" is no cohort`, ":6:"},
		"a cohort fails over":   {head + "- {id: a, do: failover, site: x, cohort: 5%}\n", "taken out for everyone", ":6:"},
		"a cohort is held":      {head + "- {id: a, do: hold, cohort: 5%}\n", "only drain, undrain, failback, stragglers have a cohort", ":6:"},
		"a cohort is undone":    {head + "- {id: a, do: failback, site: x, cohort: 5%, undo: {do: failover}}\n", "failover is about everyone", ":6:"},
		"a pace of a drain":     {head + "- {id: a, do: drain, site: x, pace: cohorts}\n", "only undrain, failback have a pace", ":6:"},
		"no pace":               {head + "- {id: a, do: failback, site: x, pace: slow}\n", `no pace is called "slow"`, ":6:"},
		"a condition's cohort":  {head + "- {id: a, do: wait, until: 'share(\"x\", \"\", \"half\") == 100'}\n", `"half" is no cohort`, ":6:"},
		"too many names":        {head + "- {id: a, do: wait, until: 'left(\"x\", \"\", \"5%\", \"y\") == 0'}\n", "left takes at most 3 names", ":6:"},
		"no steps":              {"format: 1\nname: x\nsummary: s\nsteps: []\n", "at least one step", ":4:"},
		"no name":               {"format: 1\nsummary: s\nsteps: [{id: a, do: notify, text: t}]\n", "name", ""},
		"a later form":          {"format: 9\nname: x\nsummary: s\nsteps: [{id: a, do: notify, text: t}]\n", "form 9 is not known", ":1:"},
	} {
		_, err := config.ParseRunbook("x.yaml", []byte(c.text))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "x.yaml"+c.at) {
			t.Errorf("%s: says\n%v\nand not %q at %q", name, err, c.says, c.at)
		}
	}
}

func FuzzRunbook(f *testing.F) {
	for _, name := range runbook.Builtin() {
		text, _ := runbook.BuiltinText(name)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := config.ParseRunbook("x.yaml", text)
		if err == nil && len(b.Validate()) > 0 {
			t.Fatalf("accepted what does not validate: %v", b.Validate())
		}
	})
}

// TestExampleRunbooks loads the files that people copy.
func TestExampleRunbooks(t *testing.T) {
	files, err := filepath.Glob("../../examples/runbooks/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no example: %v", err)
	}
	for _, f := range files {
		if _, _, err := config.LoadRunbook(f); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}
