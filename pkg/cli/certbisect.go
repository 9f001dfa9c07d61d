package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/certlint"
)

// certBisect finds the certificate that makes the operator's command fail.
func (a *app) certBisect(ctx context.Context, checker *certlint.Checker, o certOptions, args []string) error {
	info, err := os.Stat(args[0])
	switch {
	case len(args) != 1 || err != nil || !info.IsDir():
		return &usageError{"--bisect takes one directory", "sipsteer cert check --bisect 'COMMAND {}' DIRECTORY"}
	case !strings.Contains(o.bisect, "{}"):
		return &usageError{"the command of --bisect has no {} for the directory", "sipsteer cert check --bisect 'COMMAND {}' " + args[0]}
	}
	work, err := os.MkdirTemp("", "sipsteer-bisect-")
	if err != nil {
		return fmt.Errorf("make working directory: %w", err)
	}
	defer os.RemoveAll(work)
	n := 0
	found, err := certlint.Bisect(ctx, args[0], work, shell(o.bisect), func(r certlint.Round) {
		n++
		if !a.json {
			fmt.Fprintf(a.streams.Err, "round %d: %s: %s\n", n, count(r.Files, "file"), map[bool]string{true: "succeeds", false: "fails"}[r.OK])
		}
	})
	switch {
	case errors.Is(err, certlint.ErrAlwaysFails), errors.Is(err, certlint.ErrNeverFails):
		return &usageError{err.Error() + fmt.Sprintf(" (%s)", count(len(found.Rounds), "run")), "run it by hand, with {} replaced by " + args[0]}
	case err != nil:
		return certUsage(err)
	}
	var paths []string
	for _, f := range found.Files {
		paths = append(paths, filepath.Join(args[0], f))
	}
	res, err := checker.Check(ctx, paths)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"found": found, "rounds": len(found.Rounds), "reports": res.Reports})
		return &exitError{1}
	}
	fmt.Fprintf(a.streams.Out, "the command fails because of %s (of %s, %s)\n",
		strings.Join(paths, " and "), count(found.Groups, "certificate"), count(len(found.Rounds), "run"))
	for _, r := range res.Reports {
		a.showCert(r, certOptions{}, 1)
	}
	return &exitError{1}
}

// notRunnable are the exit codes by which a shell says that it could not run a
// command (POSIX, Shell Command Language 2.8.2).
var notRunnable = map[int]string{126: "cannot be executed", 127: "is not found"}

// shell runs a command line with the directory in place of {}.
func shell(line string) certlint.Command {
	return func(ctx context.Context, dir string) (bool, error) {
		quoted := "'" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", strings.ReplaceAll(line, "{}", quoted))
		err := cmd.Run()
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.As(err, &exit):
			if why, no := notRunnable[exit.ExitCode()]; no {
				return false, &usageError{"the command of --bisect " + why + ": " + line, "run it by hand first"}
			}
			return false, nil
		case err != nil:
			return false, fmt.Errorf("run command: %w", err)
		}
		return true, nil
	}
}
