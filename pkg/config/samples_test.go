package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// samples is the set-up that is also the manual of the files.
var samples = filepath.Join("..", "..", "examples", "three-sites")

// copied returns the samples in a directory of their own, with the files
// beside them that each user makes.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join(samples, "*.yaml"))
	if err != nil || len(names) < 5 {
		t.Fatalf("samples: %v %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.Base(name)), string(text))
	}
	if err := os.Mkdir(filepath.Join(dir, "pki"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.pem", "calgary.pem", "calgary.key", "ottawa.pem", "ottawa.key", "vancouver.pem", "vancouver.key"} {
		write(t, filepath.Join(dir, "pki", name), "")
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSampleAgents(t *testing.T) {
	dir := copied(t)
	for _, name := range []fleet.SiteID{"calgary", "ottawa", "vancouver"} {
		a, err := config.LoadAgent(filepath.Join(dir, string(name)+".yaml"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, err := config.LoadFleet(a.Fleet)
		if err != nil {
			t.Fatal(err)
		}
		site := f.Site(a.Site)
		if site == nil || a.Site != name {
			t.Fatalf("agent %s is at %q, which the fleet does not have", name, a.Site)
		}
		for _, l := range a.Gate.Listen {
			if l.Address.Addr() != site.Addresses[0] || l.Address.Port() != site.Port(l.Transport) {
				t.Errorf("gate of %s listens at %s for %s; published are %s and %d", name, l.Address, l.Transport, site.Addresses[0], site.Port(l.Transport))
			}
		}
		if a.DNS.Listen[0].Addr() != nameServerOf(f, name) {
			t.Errorf("name server of %s listens at %s, published is %s", name, a.DNS.Listen[0], nameServerOf(f, name))
		}
		if a.DataDir != filepath.Join(dir, "data", string(name)) || a.DNS.NSID != string(name) || a.Raft.Advertise != a.Raft.Listen || a.Log.Format != "json" {
			t.Errorf("defaults of %s: %+v", name, a)
		}
	}
}

func nameServerOf(f *fleet.Fleet, site fleet.SiteID) any {
	for i, id := range f.SiteIDs() {
		if id == site {
			return f.NameServers[i].Addresses[0]
		}
	}
	return nil
}

func TestSampleClient(t *testing.T) {
	c, err := config.LoadClient(filepath.Join(samples, "client.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Agents) != 3 || c.Agents[2].API != "https://127.10.3.1:8300" {
		t.Errorf("agents: %+v", c.Agents)
	}
}

// TestSamplesAreTheManual looks for every key of the types in the samples.
func TestSamplesAreTheManual(t *testing.T) {
	for name, v := range map[string]any{"fleet": fleet.Fleet{}, "calgary": config.Agent{}} {
		text, err := os.ReadFile(filepath.Join(samples, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keysOf(reflect.TypeOf(v)) {
			at := regexp.MustCompile(`(?m)(^|[ {])(# )?` + regexp.QuoteMeta(key) + `:`).FindIndex(text)
			if at == nil {
				t.Errorf("%s.yaml does not show %s", name, key)
			}
		}
	}
}

// TestSampleFleetShowsTheDefaults: the sample says that what it shows under
// policy and checks is the default.
func TestSampleFleetShowsTheDefaults(t *testing.T) {
	f, err := config.LoadFleet(filepath.Join(samples, "fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := fleet.Fleet{Sites: f.Sites}.WithDefaults()
	if !reflect.DeepEqual(f.Policy, want.Policy) {
		t.Errorf("policy:\n%+v\nis not the default:\n%+v", f.Policy, want.Policy)
	}
	if !reflect.DeepEqual(f.Checks, want.Checks) {
		t.Errorf("checks:\n%+v\nare not the default:\n%+v", f.Checks, want.Checks)
	}
}

// keysOf returns the YAML keys of a type and of all types in it.
func keysOf(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return keysOf(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		if key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); key != "" {
			keys = append(append(keys, key), keysOf(t.Field(i).Type)...)
		}
	}
	return keys
}
