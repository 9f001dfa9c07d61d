package certlint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Command runs what fails with the certificates in dir, and reports whether it
// succeeded. The error is for what keeps it from running at all.
type Command func(ctx context.Context, dir string) (ok bool, err error)

// Round is one run of the command.
type Round struct {
	Files int  `json:"files"` // that were in the directory
	OK    bool `json:"ok"`
}

// Found is what a bisection ends with.
type Found struct {
	// Files are the certificate that makes the command fail, and the key that
	// goes with it.
	Files  []string `json:"files"`
	Groups int      `json:"certificates"` // that there were
	Rounds []Round  `json:"rounds"`
	// Alone says that the command was seen to fail with these files alone.
	Alone bool `json:"alone"`
}

// Sentinels of a bisection.
var (
	// ErrAlwaysFails is returned when the command fails without the suspect too.
	ErrAlwaysFails = errors.New("the command fails whichever certificates it gets")
	// ErrNeverFails is returned when no single certificate makes it fail.
	ErrNeverFails = errors.New("no single certificate makes the command fail")
)

// Bisect finds the one file below dir that makes the command fail, in
// log2(n)+1 runs. Each run gets a directory of its own with copies of a part of
// the files, at the same relative places; work holds these directories. A key
// travels with its certificate; files that are neither are there in every run.
//
// The runs after the halving make sure: the suspect fails alone, and the
// command can succeed.
func Bisect(ctx context.Context, dir, work string, run Command, progress func(Round)) (Found, error) {
	groups, always, err := groupFiles(dir)
	if err != nil {
		return Found{}, err
	}
	if len(groups) == 0 {
		return Found{}, fmt.Errorf("%w: %s holds no certificates", ErrUsage, quoted(dir))
	}
	b := &bisection{dir: dir, work: work, always: always, run: run, progress: progress}
	b.found.Groups = len(groups)
	suspects := groups
	for len(suspects) > 1 {
		half := suspects[:len(suspects)/2]
		ok, err := b.round(ctx, half)
		if err != nil {
			return b.found, err
		}
		if ok {
			half = suspects[len(suspects)/2:]
		}
		suspects = half
	}
	b.found.Files = suspects[0]
	return b.found, b.confirm(ctx, groups, suspects[0])
}

type bisection struct {
	dir, work string
	always    []string // files that are no certificates
	run       Command
	progress  func(Round)
	found     Found
	succeeded bool // some run did
}

// confirm runs what the halving has not shown yet.
func (b *bisection) confirm(ctx context.Context, all [][]string, suspect []string) error {
	if !b.found.Alone {
		ok, err := b.round(ctx, [][]string{suspect})
		if err != nil {
			return err
		}
		if ok {
			return ErrNeverFails
		}
	}
	if b.succeeded {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(g []string) bool { return slices.Equal(g, suspect) })
	ok, err := b.round(ctx, rest)
	if err == nil && !ok {
		err = ErrAlwaysFails
	}
	return err
}

// round runs the command with the groups.
func (b *bisection) round(ctx context.Context, groups [][]string) (bool, error) {
	dir, err := os.MkdirTemp(b.work, "round-")
	if err != nil {
		return false, fmt.Errorf("make directory for a round: %w", err)
	}
	defer os.RemoveAll(dir)
	n := 0
	for _, g := range append([][]string{b.always}, groups...) {
		for _, f := range g {
			if err := copyFile(filepath.Join(b.dir, f), filepath.Join(dir, f)); err != nil {
				return false, fmt.Errorf("copy certificate: %w", err)
			}
			n++
		}
	}
	ok, err := b.run(ctx, dir)
	if err != nil {
		return false, err
	}
	r := Round{Files: n, OK: ok}
	b.found.Rounds = append(b.found.Rounds, r)
	b.found.Alone = b.found.Alone || !ok && len(groups) == 1
	b.succeeded = b.succeeded || ok
	if b.progress != nil {
		b.progress(r)
	}
	return ok, nil
}

// groupFiles lists the certificates and keys below dir, those of one
// certificate together, and all other files.
func groupFiles(dir string) (groups [][]string, other []string, err error) {
	byStem := map[string][]string{}
	var order []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read directory: %w", err)
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("read directory: %w", err)
		}
		if !byName(path) && !byContent(path) {
			other = append(other, rel)
			return nil
		}
		key := stem(path)
		if byStem[key] == nil {
			order = append(order, key)
		}
		byStem[key] = append(byStem[key], rel)
		return nil
	})
	for _, key := range order {
		groups = append(groups, byStem[key])
	}
	return groups, other, err
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	content, err := readFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
