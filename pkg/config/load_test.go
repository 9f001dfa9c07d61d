package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
)

func TestLoadTellsWhatIsWrongWithTheFile(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.yaml")
	write(t, secret, "format: 1\n")
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large.yaml")
	write(t, large, strings.Repeat("#\n", 2<<20+1))
	tests := []struct{ name, path, want string }{
		{"absent", filepath.Join(dir, "absent.yaml"), "no such file"},
		{"a directory", dir, "is a directory"},
		{"too large", large, "is larger than 4 MiB"},
		{"not readable", secret, "no permission to read it"},
		{"endless", "/dev/zero", "is larger than 4 MiB"},
		{"no name", "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if f, err := os.Open(tt.path); tt.name == "not readable" && err == nil {
				f.Close()
				t.Skip("this user may read everything")
			}
			for kind, load := range map[string]func(string) error{
				"fleet":  func(p string) error { _, err := config.LoadFleet(p); return err },
				"agent":  func(p string) error { _, err := config.LoadAgent(p); return err },
				"client": func(p string) error { _, err := config.LoadClient(p); return err },
			} {
				var e *config.Error
				if err := load(tt.path); !errors.As(err, &e) || !strings.Contains(e.Problems()[0].Message, tt.want) {
					t.Errorf("%s: got %v, want %q", kind, err, tt.want)
				}
			}
		})
	}
}

func TestCheckPrivate(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	write(t, key, "")
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false, 0o620: false} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if err := config.CheckPrivate(key); (err == nil) != good {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "absent")} {
		if config.CheckPrivate(path) == nil {
			t.Errorf("%s is taken for a key", path)
		}
	}
}

// TestAgentKeyThatOthersRead: the agent file is refused at once, not when a
// phone wants TLS.
func TestAgentKeyThatOthersRead(t *testing.T) {
	dir := copied(t)
	key := filepath.Join(dir, "pki", "calgary.key")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := config.LoadAgent(filepath.Join(dir, "calgary.yaml"))
	var e *config.Error
	if !errors.As(err, &e) || e.Problems()[0].Path != "$.gate.key" || e.Problems()[0].Hint != "chmod 600 "+key {
		t.Errorf("got %v", err)
	}
}

func TestAgentWithoutGate(t *testing.T) {
	text := string(read(t, filepath.Join("testdata", "agent-good.yaml")))
	from, to := strings.Index(text, "gate:"), strings.Index(text, "peers:")
	a, err := config.ParseAgent("agent.yaml", []byte(text[:from]+text[to:]))
	if err != nil || a.Gate != nil {
		t.Errorf("gate %+v, error %v", a, err)
	}
}

func TestFindClient(t *testing.T) {
	home := t.TempDir()
	t.Chdir(t.TempDir())
	none := func(string) string { return "" }
	env := func(values map[string]string) func(string) string {
		return func(key string) string { return values[key] }
	}
	if got, err := config.FindClient("a.yaml", env(map[string]string{"SIPSTEER_CONFIG": "b.yaml"})); got != "a.yaml" || err != nil {
		t.Errorf("the flag comes first: %q %v", got, err)
	}
	if got, err := config.FindClient("", env(map[string]string{"SIPSTEER_CONFIG": "b.yaml"})); got != "b.yaml" || err != nil {
		t.Errorf("then the environment: %q %v", got, err)
	}
	_, err := config.FindClient("", env(map[string]string{"HOME": home}))
	if err == nil {
		t.Skip("this machine has a client file in /etc")
	}
	for _, place := range []string{"--config", "$SIPSTEER_CONFIG", "sipsteer-lab/client.yaml", home + "/.config/sipsteer/client.yaml", "/etc/sipsteer/client.yaml"} {
		if !strings.Contains(err.Error(), place) { //nolint:errorlint // the text is what is tested
			t.Errorf("the error does not tell %s: %v", place, err)
		}
	}
	own := filepath.Join(home, ".config", "sipsteer", "client.yaml")
	put(t, own)
	if got, err := config.FindClient("", env(map[string]string{"HOME": home})); got != own || err != nil {
		t.Errorf("then the user's: %q %v", got, err)
	}
	xdg := filepath.Join(home, "xdg", "sipsteer", "client.yaml")
	put(t, xdg)
	if got, err := config.FindClient("", env(map[string]string{"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, "xdg")})); got != xdg || err != nil {
		t.Errorf("at XDG_CONFIG_HOME: %q %v", got, err)
	}
	lab := filepath.Join("sipsteer-lab", "client.yaml")
	put(t, lab)
	if got, err := config.FindClient("", none); got != lab || err != nil {
		t.Errorf("the lab here before these: %q %v", got, err)
	}
}

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "")
}

// TestParseFleetFills: names in lower case, and defaults after what is written
// has been judged.
func TestParseFleetFills(t *testing.T) {
	text := strings.NewReplacer("voice.example.net\nname", "Voice.Example.NET.\nname", "west.voice", "West.Voice", "ns1", "NS1").
		Replace(string(read(t, filepath.Join("testdata", "fleet-good.yaml"))))
	f, err := config.ParseFleet("fleet.yaml", []byte(text+"policy: {emergency_numbers: [0911]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Zone != "voice.example.net" || f.Services[0].Name != "west.voice.example.net" || f.NameServers[0].Name != "ns1" {
		t.Errorf("names: %q %q %q", f.Zone, f.Services[0].Name, f.NameServers[0].Name)
	}
	if f.Policy.TTLNormal == 0 || f.Checks.Interval == 0 || f.Hostmaster != "hostmaster@voice.example.net" {
		t.Errorf("defaults: %+v", f)
	}
	if got := f.Policy.EmergencyNumbers; len(got) != 1 || got[0] != "0911" {
		t.Errorf("a number as it was written: %q", got)
	}
	if p := fleet.Validate(*f); len(p) > 0 {
		t.Errorf("what was read is not valid: %+v", p)
	}
}
