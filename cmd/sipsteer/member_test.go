package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/lab"
)

// fourth is the file of an agent that joins the lab, without a gate.
func (l *testLab) fourth(name string) string {
	l.t.Helper()
	var addresses []string
	for range 3 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.%d.4.1:0", l.net))
		if err != nil {
			l.t.Fatal(err)
		}
		addresses = append(addresses, ln.Addr().String())
		ln.Close()
	}
	path := filepath.Join(l.dir, name+".yaml")
	text := fmt.Sprintf(`format: 1
name: %[1]s
site: calgary
data_dir: data/%[1]s
dns: {listen: ["%[2]s"]}
raft: {listen: "%[3]s", profile: lan}
api: {listen: "%[4]s"}
log: {level: info, file: %[1]s.log}
peers:
  - {name: %[1]s, site: calgary, raft: "%[3]s", api: "%[4]s"}
`, name, addresses[0], addresses[1], addresses[2])
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// runAgent starts an agent of its own process until the returned function is
// called.
func (l *testLab) runAgent(file string) (stop func()) {
	l.t.Helper()
	cmd := program(l.t, l.env(), "agent", "--config", file)
	out := &lockedBuffer{}
	cmd.Stderr = out
	return untilStopped(l.t, cmd, func(err error) {
		if err != nil {
			l.t.Errorf("agent %s: %v\n%s", file, err, out)
		}
	})
}

// untilStopped runs a program until the returned function is called, at the
// latest until the test ends; ended is told how it ended.
func untilStopped(t *testing.T, cmd *exec.Cmd, ended func(error)) (stop func()) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		ended(cmd.Wait())
	}
	t.Cleanup(stop)
	return stop
}

// TestClusterLife lets an agent join, vote, lose its store, come back and leave.
func TestClusterLife(t *testing.T) {
	l := newLab(t)
	file := l.fourth("edmonton")
	if r := l.must(2, "agent", "join", "--config", file); !strings.Contains(r.err, "agent invite edmonton") {
		t.Errorf("join without a token: %s", r.err)
	}
	token := strings.TrimSpace(l.must(0, "agent", "invite", "edmonton").out)
	wrong := token[:len(token)-8] + "AAAAAAAA"
	if r := l.run("agent", "join", "--config", file, "--token", wrong); r.code == 0 {
		t.Error("joined with a changed token")
	}
	l.must(0, "agent", "join", "--config", file, "--token", token)
	stolen := l.fourth("red-deer")
	if r := l.must(3, "agent", "join", "--config", stolen, "--token", token); !strings.Contains(r.err, "used already") {
		t.Errorf("a token used twice: %s", r.err)
	}
	stop := l.runAgent(file)
	eventually(t, "edmonton votes", patience, func() bool { return l.member("edmonton") == "voter" })
	if st := l.status(); len(st.Agents) != 4 {
		t.Errorf("agents %+v", st.Agents)
	}
	r := l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	if !strings.Contains(r.out, "edmonton") {
		t.Errorf("the effect was not waited for at edmonton: %s", r.out)
	}
	// A machine whose own disk is nearly full is told so, with exit code 1.
	if r := l.run("doctor"); !strings.Contains(r.out, "4 agents vote") || r.code != 0 && !strings.Contains(r.out, "of the disk is free; ") {
		t.Errorf("doctor: exit code %d\n%s", r.code, r.out)
	}
	l.must(0, "agent", "demote", "edmonton")
	l.must(0, "agent", "promote", "edmonton")

	// Its disk is lost but for the identity.
	stop()
	for _, name := range []string{"log.db", "HIGH-WATER"} {
		if err := os.WriteFile(filepath.Join(l.dir, "data", "edmonton", name), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop = l.runAgent(file)
	eventually(t, "edmonton is repaired by itself, and its damaged store is kept", patience, func() bool {
		kept, err := filepath.Glob(filepath.Join(l.dir, "data", "edmonton", "replaced-*", "log.db"))
		return err == nil && len(kept) == 1 && l.member("edmonton") == "voter"
	})
	// Until then it has answered its last decision, and has said so.
	eventually(t, "edmonton answers the epoch", patience, func() bool {
		st := l.status()
		for _, a := range st.Agents {
			if a.Name == "edmonton" {
				return a.Epoch == st.Epoch && a.Reachable && a.Problem == ""
			}
		}
		return false
	})

	l.must(0, "agent", "leave", "edmonton", "--yes")
	stop()
	eventually(t, "three are left", patience, func() bool { return len(l.status().Agents) == 3 })
	l.must(2, "agent", "leave", "edmonton", "--yes")
}

func (l *testLab) member(name string) string {
	r := l.run("agent", "list")
	for line := range strings.Lines(r.out) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == name {
			return f[2]
		}
	}
	return ""
}

// TestRecoverFromOneDirectory loses two of three agents and goes on with what the
// third has; the others come back: one with a damaged store and one with its old
// one, or both with their old ones, a majority of the fleet of before.
func TestRecoverFromOneDirectory(t *testing.T) {
	for name, damaged := range map[string]bool{"one store damaged": true, "both with old stores": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
			before := l.status().Epoch
			l.kill()
			if damaged {
				if err := os.RemoveAll(filepath.Join(l.dir, "data", "vancouver", "log.db")); err != nil {
					t.Fatal(err)
				}
			}
			calgary := filepath.Join(l.dir, "calgary.yaml")
			l.must(2, "agent", "recover", "--config", calgary)
			r := l.must(0, "agent", "recover", "--config", calgary, "--reason", "lost the others")
			if !strings.Contains(r.out, "begins a new cluster") {
				t.Errorf("recover: %s", r.out)
			}
			l.up()
			st := l.status()
			if st.Epoch <= before || st.Sites[0].Intent == "active" {
				t.Errorf("epoch %d after %d, calgary %s", st.Epoch, before, st.Sites[0].Intent)
			}
			for _, s := range lab.Sites() {
				eventually(t, string(s)+" votes", patience, func() bool { return l.member(string(s)) == "voter" })
			}
			l.must(0, "undrain", "calgary", "--now", "--yes")
		})
	}
}
