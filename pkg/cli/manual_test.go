package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var updateManual = flag.Bool("update", false, "write docs/commands.md anew")

// TestCommandsAreDocumented holds docs/commands.md current.
func TestCommandsAreDocumented(t *testing.T) {
	const path = "../../docs/commands.md"
	text := CommandsMarkdown()
	if *updateManual {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != text {
		t.Errorf("%s is not current (%v): go test ./pkg/cli -run TestCommandsAreDocumented -update", path, err)
	}
	a := &app{env: os.Getenv}
	walk(a.root(), func(c *cobra.Command) {
		if !c.Hidden && !c.HasSubCommands() && !strings.Contains(text, "# "+c.CommandPath()+"\n") {
			t.Errorf("%s is not in it", c.CommandPath())
		}
	})
}

func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	var out, errOut bytes.Buffer
	if code := Main(context.Background(), []string{"man", "--dir", dir}, Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, "1.2.3"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	page, err := os.ReadFile(filepath.Join(dir, "sipsteer-drain.1"))
	if err != nil || !strings.Contains(string(page), ".TH") || !strings.Contains(string(page), "kernel update") || !strings.Contains(string(page), "sipsteer 1.2.3") {
		t.Errorf("%v\n%s", err, page)
	}
}

// TestCompletion: the shells complete commands, and know their flags.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var out, errOut bytes.Buffer
		if code := Main(context.Background(), []string{"completion", shell}, Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, "1"); code != 0 || out.Len() == 0 {
			t.Errorf("%s: exit code %d, %d octets: %s", shell, code, out.Len(), errOut.String())
		}
	}
	var out, errOut bytes.Buffer
	Main(context.Background(), []string{"__complete", "runbook", "a"}, Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, "1")
	if !strings.Contains(out.String(), "approve") || !strings.Contains(out.String(), "abort") {
		t.Errorf("runbook a…: %s", out.String())
	}
}
