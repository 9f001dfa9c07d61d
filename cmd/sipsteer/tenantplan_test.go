package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/plan"
)

// TestSavedImport: the plan of an import is carried out as it was looked at, or
// not at all: not when the file or the fleet is another by then.
func TestSavedImport(t *testing.T) {
	l := newLab(t)
	dir := t.TempDir()
	file, saved := filepath.Join(dir, "tenants.csv"), filepath.Join(dir, "tenants.plan")
	write := func(rows string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("domain,service\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tenants := func() string {
		t.Helper()
		return strings.TrimPrefix(l.must(0, "tenant", "export").out, "domain,service\n")
	}
	const acme, globex = "acme.voice.example.net,west.voice.example.net\n", "globex.voice.example.net,east.voice.example.net\n"

	write(acme + globex)
	l.must(2, "tenant", "import", file, "--reason", "r", "--save", saved, "--yes")
	if r := l.must(0, "tenant", "import", file, "--reason", "new customers", "--save", saved); !strings.Contains(r.out, "tenant import "+file+" (new customers)") {
		t.Errorf("the plan does not name its file:\n%s", r.out)
	}
	if got := tenants(); got != "" {
		t.Fatalf("the plan alone imported %q", got)
	}
	data, err := os.ReadFile(saved)
	var p plan.Plan
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.File == nil || p.File.Path != file || p.File.Rows != 2 || p.Tenants == nil || p.Tenants.Added != 2 {
		t.Fatalf("saved: %v\n%s", err, data)
	}

	write(acme)
	if r := l.must(3, "apply", saved, "--yes"); !strings.Contains(r.err, "stale-plan") || !strings.Contains(r.err, "has changed since the plan was made") {
		t.Errorf("with another file: %s", r.err)
	}
	write(acme + globex)
	l.must(2, "apply", saved) // nobody to ask
	l.must(0, "apply", saved, "--yes")
	if got := tenants(); got != acme+globex {
		t.Errorf("after apply: %q", got)
	}
	if r := l.must(0, "history"); !strings.Contains(r.out, "tenants imported: 2 new") {
		t.Errorf("history: %s", r.out)
	}
	if r := l.must(3, "apply", saved, "--yes"); !strings.Contains(r.err, "stale-plan") {
		t.Errorf("a second time: %s", r.err)
	}

	write(globex)
	l.must(0, "tenant", "import", file, "--replace", "--save", saved)
	l.must(0, "hold", "--reason", "meanwhile", "--for", "1h", "--yes")
	if r := l.must(3, "apply", saved, "--yes"); !strings.Contains(r.err, "last change by") {
		t.Errorf("after another change: %s", r.err)
	}
	if got := tenants(); got != acme+globex {
		t.Errorf("after a refused apply: %q", got)
	}
	l.must(0, "tenant", "import", file, "--replace", "--save", saved)
	l.must(0, "apply", saved, "--yes")
	if got := tenants(); got != globex {
		t.Errorf("a planned --replace led to %q", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l.must(2, "apply", saved, "--yes")
}
