package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// CommandsMarkdown is docs/commands.md: every command, from the same words that
// --help shows.
func CommandsMarkdown() string {
	var b strings.Builder
	root := (&app{env: func(string) string { return "" }}).root()
	b.WriteString("# Commands\n\nGenerated from the commands themselves (`go test ./pkg/cli -run TestCommandsAreDocumented -update`); `--help` shows the same. ")
	b.WriteString("`sipsteer man --dir DIR` writes manual pages, `sipsteer completion bash|zsh|fish|powershell` the completion of a shell.\n\n")
	b.WriteString("Every command takes:\n\n")
	flags(&b, root.PersistentFlags())
	b.WriteString("\nExit codes: 0 done and its effect seen, 1 failed, 2 wrong usage or invalid input, 3 refused by a guard, 4 no quorum or no agent reachable.\n")
	section(&b, root)
	return b.String()
}

func section(b *strings.Builder, c *cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		command(b, sub)
		section(b, sub)
	}
}

func command(b *strings.Builder, c *cobra.Command) {
	level := "##"
	if c.Parent().HasParent() {
		level = "###"
	}
	fmt.Fprintf(b, "\n%s %s\n\n%s.\n", level, c.CommandPath(), c.Short)
	if c.Long != "" {
		fmt.Fprintf(b, "\n%s\n", paragraphs(c.Long))
	}
	fmt.Fprintf(b, "\n```\n%s\n", c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(b, "\n%s\n", strings.TrimRight(dedent(c.Example), "\n"))
	}
	b.WriteString("```\n")
	if c.HasAvailableLocalFlags() {
		b.WriteString("\n")
		flags(b, c.LocalFlags())
	}
}

// paragraphs keeps the lines of a help text as they are, and shows what is
// indented in them as it was meant.
func paragraphs(s string) string {
	if !strings.Contains(s, "\n  ") {
		return strings.NewReplacer("<", "&lt;", "*", "\\*").Replace(s)
	}
	return "```\n" + s + "\n```"
}

func dedent(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		out = append(out, strings.TrimPrefix(line, "  "))
	}
	return strings.Join(out, "")
}

func flags(b *strings.Builder, set *pflag.FlagSet) {
	b.WriteString("| flag | |\n| --- | --- |\n")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if t := f.Value.Type(); t != "bool" {
			name = "`--" + f.Name + " " + strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(t, "Slice"), "Array")) + "`"
		}
		def := ""
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
			def = "; default " + f.DefValue
		}
		fmt.Fprintf(b, "| %s | %s%s |\n", name, strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(f.Usage), def)
	})
}

func (a *app) manCmd() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "man", Short: "Write the manual pages, one for each command", Args: exactArgs(),
		Long:    "Writes a manual page for each command, for man(1). Packages install them in\nshare/man/man1.",
		Example: "  sipsteer man --dir man1\n  sipsteer man --dir man1 && man ./man1/sipsteer-drain.1",
	}
	c.Flags().StringVar(&dir, "dir", "", "where to write them; it is made when it is missing (required)")
	c.RunE = run(func(*cobra.Command, []string) error {
		if dir == "" {
			return &usageError{"where to?", "sipsteer man --dir man1"}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		root := a.root()
		root.DisableAutoGenTag = true
		epoch := time.Unix(0, 0).UTC() // the same pages from the same program
		if err := doc.GenManTree(root, &doc.GenManHeader{Title: "SIPSTEER", Section: "1", Source: "sipsteer " + a.version, Manual: "sipsteer", Date: &epoch}, dir); err != nil {
			return fmt.Errorf("write manual pages: %w", err)
		}
		pages, err := filepath.Glob(filepath.Join(dir, "sipsteer*.1"))
		if err != nil {
			return err
		}
		if !a.writeJSON(map[string]any{"dir": dir, "pages": len(pages)}) {
			fmt.Fprintf(a.streams.Out, "%d manual pages in %s\n", len(pages), dir)
		}
		return nil
	})
	return c
}
