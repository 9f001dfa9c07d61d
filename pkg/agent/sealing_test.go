package agent

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// sealingDir is a directory of secrets with a new sealing key.
func sealingDir(t *testing.T) (dir, key string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	writeSealing(t, dir, id.String())
	return dir, id.String()
}

func writeSealing(t *testing.T, dir, key string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, sealingSecret), []byte("# a comment\n"+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rollKey asks agent i for a key.
func (w *world) rollKey(i int, override ...string) error {
	_, err := w.agents[i].Do(w.t.Context(), api.CommandRequest{Kind: string(steer.KindKeyAdd), By: "alice", Reason: "sign", Override: override}, false)
	return err
}

// A key is made only when every agent can open it; then all sign, each agent that
// gets the sealing key later too, and after a restart.
func TestAgentsSign(t *testing.T) {
	dir, key := sealingDir(t)
	late := t.TempDir()
	w := newWorld(t, func(c *Config) {
		c.Secrets.Dir = dir
		if c.Name == "ottawa" {
			c.Secrets.Dir = late
		}
	})
	ottawa := 0
	for w.cfgs[ottawa].Name != "ottawa" {
		ottawa++
	}
	var e *api.Error
	if err := w.rollKey(0); !errors.As(err, &e) || e.Category != api.Refused || !strings.Contains(e.Message, "refused by sealing") {
		t.Fatalf("a key that ottawa cannot open: %v", err)
	}
	w.eventually("a key by override, from a leader that can seal", func() bool {
		if w.leader() == ottawa {
			writeSealing(t, late, key)
		}
		return w.rollKey(0, ruleSealing) == nil
	})
	signs := func(i int) bool {
		ctx := t.Context()
		r, err := dnsserver.Ask(ctx, w.dnsAddr(i), "voice.example.net", "DNSKEY", false)
		if err != nil || len(r.Answer) != 1 || !strings.Contains(r.Answer[0], "257 3 13") {
			return false
		}
		return w.agents[i].dns.Unsigned() == ""
	}
	for i := range w.agents {
		if i != ottawa {
			w.eventually(string(w.cfgs[i].Name)+" signs", func() bool { return signs(i) })
		}
	}
	if _, err := os.Stat(filepath.Join(late, sealingSecret)); err != nil {
		w.eventually("ottawa serves", func() bool { return w.agents[ottawa].dns.Unsigned() != "" })
		if p := w.agents[ottawa].effect().Problem; !strings.Contains(p, "without signatures") || !strings.Contains(p, "sealing-key") {
			t.Errorf("ottawa cannot sign and says %q", p)
		}
		writeSealing(t, late, key)
	}
	w.eventually("ottawa signs when it has the key", func() bool { return signs(ottawa) })
	w.stop(ottawa)
	w.start(ottawa)
	w.eventually("ottawa signs after a restart", func() bool { return signs(ottawa) })
	if p := w.agents[ottawa].effect().Problem; p != "" {
		t.Errorf("ottawa signs and says %q", p)
	}
	s := w.agents[ottawa].state()
	if len(s.ZoneKeys) != 1 || strings.Contains(s.ZoneKeys[0].Sealed, "AGE-SECRET") || s.Format != 2 {
		t.Errorf("State: format %d, keys %+v", s.Format, s.ZoneKeys)
	}
}

// dnsAddr is where an agent's name server answers.
func (w *world) dnsAddr(i int) netip.AddrPort { return w.agents[i].dns.Addrs()[0] }

// What cannot be unsealed says why, and never what the secret is.
func TestUnsealing(t *testing.T) {
	dir, key := sealingDir(t)
	id, err := age.ParseX25519Identity(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal(id, []byte("a secret"))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := sealingDir(t)
	junk := t.TempDir()
	writeSealing(t, junk, strings.ToLower(key)+"x")
	for name, tc := range map[string]struct{ dir, sealed, fails string }{
		"good":          {dir, sealed, ""},
		"another key":   {other, sealed, "unseal with secret sealing-key"},
		"no key":        {t.TempDir(), sealed, "find secret sealing-key"},
		"not a key":     {junk, sealed, "holds no age identity"},
		"not sealed":    {dir, "a secret", "unseal"},
		"damaged":       {dir, sealed[:len(sealed)-8], "unseal"},
		"nothing there": {"", sealed, "set secrets_dir"},
	} {
		a := &Agent{cfg: Config{Secrets: Secrets{Dir: tc.dir}}}
		got, err := a.unseal(tc.sealed)
		switch {
		case tc.fails == "" && (err != nil || string(got) != "a secret"):
			t.Errorf("%s: %q, %v", name, got, err)
		case tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)):
			t.Errorf("%s: %q, %v; want %q", name, got, err, tc.fails)
		case err != nil && strings.Contains(strings.ToUpper(err.Error()), "AGE-SECRET"):
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}
