package certlint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxFile bounds what is read of one file.
const maxFile = 16 << 20

// target is one thing to judge.
type target struct {
	path    string // of a file, or
	address string // HOST:PORT
	named   bool   // on the command line, not found in a directory
}

// expand turns arguments into files and listeners, in a stable order. It counts
// the files in directories that it leaves aside.
func expand(args []string) (targets []target, aside int, err error) {
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			found, n, err := expandDir(arg)
			if err != nil {
				return nil, 0, err
			}
			targets, aside = append(targets, found...), aside+n
		case err == nil:
			targets = append(targets, target{path: arg, named: true})
		case isAddress(arg):
			targets = append(targets, target{address: arg, named: true})
		case errors.Is(err, fs.ErrNotExist):
			return nil, 0, fmt.Errorf("%w: %s is neither a file, a directory nor HOST:PORT", ErrUsage, quoted(arg))
		default:
			return nil, 0, fmt.Errorf("%w: %w", ErrUsage, err)
		}
	}
	return targets, aside, nil
}

func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	return err == nil && perr == nil && n > 0 && host != "" && !strings.ContainsRune(host, filepath.Separator)
}

// expandDir lists the files below a directory that hold certificates or keys,
// by their name or their first octets. Links to files are followed, those to
// directories are not: they could lead in circles.
func expandDir(dir string) (targets []target, aside int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read directory: %w", err)
		}
		if d.IsDir() {
			return nil
		}
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return nil
		}
		if byName(path) || byContent(path) {
			targets = append(targets, target{path: path})
		} else {
			aside++
		}
		return nil
	})
	return targets, aside, err
}

func byName(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".pem", ".crt", ".cer", ".cert", ".der", ".p12", ".pfx", ".key":
		return true
	}
	return false
}

// boundary begins a block of PEM (RFC 7468 §2).
var boundary = []byte("-----BEGIN ")

func byContent(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	head = bytes.TrimPrefix(head[:n], []byte("\xef\xbb\xbf")) // a byte order mark
	// A SEQUENCE with a length of two octets, as certificates have, or PEM, which
	// begins a line: what is quoted in a configuration or in JSON is none of it.
	return bytes.HasPrefix(head, boundary) || bytes.Contains(head, append([]byte("\n"), boundary...)) || len(head) > 4 && head[0] == tagSequence && head[1] == 0x82
}

// read loads a target. What cannot be read is a finding.
func (c *Checker) read(ctx context.Context, t target, met *seen) *source {
	if t.address != "" {
		return c.live(ctx, t.address, met)
	}
	s := &source{name: t.path, path: t.path, seen: met, report: Report{Source: clean(t.path)}}
	content, err := readFile(t.path)
	if err != nil {
		s.report.add(0, Bad, ruleFile, "it cannot be read: %s", clean(err.Error()))
		return s
	}
	s.load(content, c.cfg.Password)
	return s
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("more than %d MiB", maxFile>>20)
	}
	return content, err
}
