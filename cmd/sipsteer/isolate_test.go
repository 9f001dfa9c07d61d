package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/stranger"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestIsolate is the noisy neighbour with policy.isolate act: two sources flood
// Calgary's gate, automation finds one and keeps it out, and no more than it may.
// Others' calls and calls for help pass; a person lets it in again, and then it is
// left alone.
func TestIsolate(t *testing.T) {
	l := newLab(t)
	began := time.Now()
	at := l.place(0).Gate[fleet.UDP]
	first := lab.Layout{Net: l.net}.Stranger()
	source := func(n int) stranger.Stranger {
		a := first
		for range n {
			a = a.Next()
		}
		return stranger.Stranger{Addr: a, Domain: "west." + lab.Zone}
	}
	loud, quiet := []stranger.Stranger{source(0), source(1)}, source(2)
	l.setPolicy("isolate: {automation: act, per_second: 50, times: 3, max_sources: 1, learn: 1s, window: 1s, for: 30m}")
	l.must(0, "incident", "declare", "--site", "calgary", "--summary", "calls fail now and then")

	// What a gate meets in its first looks is usual to it. This one looks each
	// second, or each other one.
	eventually(t, "the gate has been there for a while", patience, func() bool { return time.Since(began) > 6*time.Second })
	calm := l.flood(at, loud...)
	var kept []api.Quarantine
	eventually(t, "automation keeps a source out", patience, func() bool {
		kept = l.status().Quarantines
		return len(kept) > 0
	})
	if len(kept) != 1 || kept[0].Site != "calgary" || kept[0].Owner != steer.AutomationOwner || !strings.Contains(kept[0].Reason, "requests a second") {
		t.Fatalf("kept out: %+v", kept)
	}
	out := loud[0]
	if !strings.HasPrefix(kept[0].Source, out.Addr.String()+"/") {
		out = loud[1]
	}
	eventually(t, "the other one is named, with what to type", patience, func() bool {
		return slices.ContainsFunc(l.status().Attention, func(x api.Attention) bool {
			return !strings.HasPrefix(x.Detail, out.Addr.String()+" ") && strings.Contains(x.Next, "sipsteer gate quarantine add 127.")
		})
	})
	if now := l.status().Quarantines; len(now) != 1 {
		t.Errorf("max_sources is 1: %+v", now)
	}

	for _, c := range []struct {
		name   string
		from   stranger.Stranger
		number string
		within time.Duration
		want   int
	}{
		{"somebody else's call", quiet, "echo", patience, 200},
		{"a call for help by the one that is kept out", out, "911", patience, 200},
		{"another call of it", out, "echo", 2 * time.Second, 0},
	} {
		if code, err := l.call(c.from, at, c.number, c.within); code != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, code, err, c.want)
		}
	}
	calm()
	says := "new work from " + kept[0].Source + " is kept out at calgary until "
	for _, c := range []struct {
		says string
		args []string
	}{
		{says, []string{"history"}},
		{"kept out: " + out.Addr.String() + " at calgary", []string{"why", "west"}},
		{"gate quarantine remove " + kept[0].Source + " --site calgary", []string{"status"}},
		{says, []string{"incident", "show", l.status().Incidents[0].ID}},
		{"a source was put into quarantine", []string{"report", l.status().Incidents[0].ID}},
	} {
		if r := l.must(0, c.args...); !strings.Contains(r.out, c.says) {
			t.Errorf("sipsteer %s does not say %q:\n%s", strings.Join(c.args, " "), c.says, r.out)
		}
	}

	l.must(0, "gate", "quarantine", "remove", out.Addr.String(), "--reason", "mended", "--yes")
	if code, err := l.call(out, at, "echo", patience); code != 200 {
		t.Errorf("a call after it was let in: %d, %v", code, err)
	}
	defer l.flood(at, out)()
	eventually(t, "it floods again, and is named", patience, func() bool {
		return slices.ContainsFunc(l.status().Attention, func(x api.Attention) bool { return strings.HasPrefix(x.Detail, out.Addr.String()+" begins ") })
	})
	if now := l.status().Quarantines; slices.ContainsFunc(now, func(q api.Quarantine) bool { return q.Source == kept[0].Source }) {
		t.Errorf("a person let it in, and automation kept it out again: %+v", now)
	}
}

// setPolicy replaces the lab's isolate line of the policy by another one.
func (l *testLab) setPolicy(line string) { l.setLine("  isolate: {", "  "+line) }

// setLine replaces the line of the lab's fleet file that begins so by another one,
// or by several.
func (l *testLab) setLine(begins, line string) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, "fleet.yaml"))
	if err != nil {
		l.t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), "\n"+begins)
	_, after, _ := strings.Cut(rest, "\n")
	if !found {
		l.t.Fatalf("the lab's fleet file has no line %q:\n%s", begins, text)
	}
	dir := l.t.TempDir()
	file, plan := filepath.Join(dir, "fleet.yaml"), filepath.Join(dir, "fleet.plan")
	if err := os.WriteFile(file, []byte(before+"\n"+line+"\n"+after), 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.must(0, "plan", "fleet", file, "--reason", "another policy", "--out", plan)
	l.must(0, "apply", plan, "--yes")
}

// flood has the sources flood a gate. The function returned ends it; it may be
// called again.
func (l *testLab) flood(at netip.AddrPort, sources ...stranger.Stranger) (calm func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, len(sources))
	for _, s := range sources {
		go func() { // ended by calm
			ended <- s.Flood(ctx, 250, func() (netip.AddrPort, bool) { return at, true })
		}()
	}
	running := len(sources)
	calm = func() {
		cancel()
		for ; running > 0; running-- {
			if err := <-ended; err != nil {
				l.t.Error(err)
			}
		}
	}
	l.t.Cleanup(calm)
	return calm
}

// call makes a call; the code is 0 when nothing was answered in time.
func (l *testLab) call(from stranger.Stranger, to netip.AddrPort, number string, within time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	code, err := from.Call(ctx, to, number)
	if err != nil && !errors.Is(err, stranger.ErrSilence) {
		l.t.Fatal(err)
	}
	return code, err
}
