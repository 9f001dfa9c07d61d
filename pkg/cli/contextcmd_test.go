package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/cli"
)

// TestContexts goes through add, use, list and remove, and looks whom a command
// asks then: the flag goes before the environment, and both before the current one.
func TestContexts(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("SIPSTEER_CONFIG", "")
	t.Setenv("SIPSTEER_CONTEXT", "")
	t.Setenv("NO_COLOR", "1")
	t.Chdir(dir)
	for _, name := range []string{"alpha", "beta"} {
		// Nobody listens there: the error names the agent that was asked.
		text := "format: 1\nagents: [{name: " + name + ", api: \"unix:///" + dir + "/none\"}]\n"
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := cli.Main(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test"); got != code {
			t.Fatalf("sipsteer %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
		}
		return out.String() + errs.String()
	}
	asks := func(who string, args ...string) {
		t.Helper()
		if got := run(4, append([]string{"status"}, args...)...); !strings.Contains(got, who) {
			t.Errorf("status %s asked not %s: %s", strings.Join(args, " "), who, got)
		}
	}
	if got := run(0, "context", "list"); !strings.Contains(got, "no contexts yet") {
		t.Error(got)
	}
	run(2, "context", "add", "Alpha!", "alpha.yaml")
	run(2, "context", "add", "gamma", "gamma.yaml")
	run(0, "context", "add", "a", "alpha.yaml") // the first is the current one
	if got := run(0, "context", "add", "b", "beta.yaml"); !strings.Contains(got, "*  a") {
		t.Errorf("list: %s", got)
	}
	asks("alpha")
	asks("beta", "--context", "b")
	t.Setenv("SIPSTEER_CONTEXT", "b")
	asks("beta")
	asks("alpha", "--context", "a")
	asks("alpha", "--config", "alpha.yaml")
	t.Setenv("SIPSTEER_CONTEXT", "")
	run(0, "context", "use", "b")
	asks("beta")
	t.Setenv("SIPSTEER_CONFIG", filepath.Join(dir, "alpha.yaml"))
	asks("alpha")
	asks("beta", "--context", "b")
	t.Setenv("SIPSTEER_CONFIG", "")
	run(2, "context", "use", "c")
	if got := run(2, "status", "--context", "c"); !strings.Contains(got, `no context is called "c"`) || !strings.Contains(got, "sipsteer context list") {
		t.Error(got)
	}
	run(0, "context", "remove", "b")
	if got := run(2, "status"); !strings.Contains(got, "no client file") {
		t.Errorf("without a current one: %s", got)
	}
	file := filepath.Join(dir, "sipsteer", "contexts.yaml")
	if err := os.WriteFile(file, []byte("format: 1\ncurrent: x\ncontexts: [{name: a, client: alpha.yaml}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(2, "context", "list"); !strings.Contains(got, "contexts.yaml:3") || !strings.Contains(got, "is no whole path") {
		t.Errorf("a bad file: %s", got)
	}
}
