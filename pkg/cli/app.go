package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/lab"
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// app is what all commands share.
type app struct {
	streams Streams
	version string
	config  string // --config
	context string // --context
	json    bool   // --json
	env     func(string) string
}

// usageError is wrong usage: exit code 2.
type usageError struct {
	message, hint string
}

func (e *usageError) Error() string { return e.message }

// exitError ends with a code after everything was said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// Main runs one command line and returns the exit code.
func Main(ctx context.Context, args []string, streams Streams, version string) int {
	a := &app{streams: streams, version: version, env: os.Getenv}
	root := a.root()
	a.json = slices.Contains(args, "--json") // also when the flags before it cannot be read
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	return a.exit(root.ExecuteContext(ctx))
}

// exit says what went wrong and returns the exit code.
func (a *app) exit(err error) int {
	if err == nil {
		return 0
	}
	var quiet *exitError
	if errors.As(err, &quiet) {
		return quiet.code
	}
	code, message, hint := explain(err)
	if a.json {
		a.printJSON(map[string]any{"error": errorBody(code, err, message, hint), "exit_code": code})
	}
	fmt.Fprintf(a.streams.Err, "sipsteer: error: %s\n", strings.ReplaceAll(message, "\n", "\nsipsteer:        "))
	for line := range strings.Lines(hint) {
		fmt.Fprintf(a.streams.Err, "sipsteer: hint: %s\n", strings.TrimRight(line, "\n"))
	}
	return code
}

func errorBody(code int, err error, message, hint string) any {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	var c *config.Error
	if errors.As(err, &c) {
		return map[string]any{"category": api.Invalid, "message": message, "problems": c.Problems()}
	}
	category := "failed"
	if code == 2 {
		category = string(api.Invalid)
	}
	return map[string]any{"category": category, "message": message, "hint": hint}
}

// explain maps an error to the exit code and to words.
func explain(err error) (code int, message, hint string) {
	var (
		e     *api.Error
		usage *usageError
		order *lab.UsageError
		conf  *config.Error
	)
	switch {
	case errors.As(err, &e):
		return e.ExitCode(), e.Error(), e.Hint
	case errors.As(err, &usage):
		return 2, usage.message, usage.hint
	case errors.As(err, &order):
		return 2, order.Message, ""
	case errors.As(err, &conf):
		return 2, conf.Error(), ""
	case errors.Is(err, context.Canceled):
		return 1, "interrupted", ""
	}
	return 1, err.Error(), ""
}

func (a *app) printJSON(v any) {
	enc := json.NewEncoder(a.streams.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a closed pipe is the reader's wish
}

// indented is what printJSON prints, as text.
func indented(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("encode JSON: %w", err)
	}
	return b.String(), nil
}

// terminal reports whether w is a terminal that people look at.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// colours reports whether the output may be coloured.
func (a *app) colours() bool {
	return terminal(a.streams.Out) && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}

// run wraps a command so that usage errors of our own get the right code.
func run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceUsage = true
		return f(cmd, args)
	}
}

// args checks the number of arguments and says what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return &usageError{fmt.Sprintf("%s: %s is missing", cmd.CommandPath(), names[len(args)]), "usage: " + cmd.UseLine()}
		case len(args) > len(names):
			return &usageError{fmt.Sprintf("%s: %q is one argument too many", cmd.CommandPath(), args[len(names)]), "usage: " + cmd.UseLine()}
		}
		return nil
	}
}
