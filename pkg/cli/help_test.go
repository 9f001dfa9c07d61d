package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelp: every command that does something says in one line what, shows an
// example that begins with its own name, and takes --json.
func TestHelp(t *testing.T) {
	a := &app{env: os.Getenv}
	n := 0
	walk(a.root(), func(c *cobra.Command) {
		if c.HasSubCommands() || c.Hidden {
			return
		}
		n++
		name := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.Contains(c.Short, "\n") {
			t.Errorf("%s: short help %q is not one line without a full stop", name, c.Short)
		}
		if c.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s takes no --json", name)
		}
		if c.Example == "" {
			t.Errorf("%s has no example", name)
		}
		for line := range strings.Lines(c.Example) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "sipsteer ") && !strings.Contains(line, "$(") {
				t.Errorf("%s: the example %q does not begin with sipsteer", name, line)
			}
		}
		if !strings.Contains(c.Example, name) && !strings.Contains(c.Example, "sipsteer "+c.Name()) { // a second way to it
			t.Errorf("%s: the example does not show it:\n%s", name, c.Example)
		}
	})
	if n < 15 {
		t.Errorf("only %d commands were looked at", n)
	}
}

func walk(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		walk(sub, f)
	}
}
