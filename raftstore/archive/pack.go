package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Pack writes what is kept at this moment as a tar file, for a backup: the
// segments, then the tables. One that is damaged on the disk is left out and
// logged: what is sound must not wait for it. What is appended meanwhile is not
// in it.
func (a *Archive) Pack(w io.Writer) error {
	files, tables, err := a.openAll()
	defer func() {
		for _, f := range files {
			f.Close() // read only
		}
	}()
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, f := range files {
		problem, err := recheck(f.segment)
		if err != nil {
			return err
		}
		if problem != "" {
			a.cfg.Logger.Error().Str("file", f.segment.path).Str("reason", problem).Msg("damaged part of the past is left out of the backup")
			continue
		}
		head := &tar.Header{Name: segmentName(f.segment.number), Mode: 0o600, Size: f.segment.size}
		if err := out.WriteHeader(head); err != nil {
			return fmt.Errorf("pack the past: %w", err)
		}
		if _, err := io.Copy(out, io.NewSectionReader(f, 0, f.segment.size)); err != nil {
			return fmt.Errorf("pack %s: %w", f.segment.path, err)
		}
	}
	for _, t := range tables {
		if err := a.packTable(out, t); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("pack the past: %w", err)
	}
	return nil
}

func (a *Archive) packTable(out *tar.Writer, t tableFile) error {
	data, err := os.ReadFile(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // pruned meanwhile
	}
	if err != nil {
		return fmt.Errorf("pack table: %w", err)
	}
	if _, err := readTable(bytes.NewReader(data), t.path, t.sum); err != nil {
		a.cfg.Logger.Error().Err(err).Msg("damaged table of the past is left out of the backup")
		return nil
	}
	head := &tar.Header{Name: packedTables + filepath.Base(t.path), Mode: 0o600, Size: int64(len(data))}
	if err := out.WriteHeader(head); err != nil {
		return fmt.Errorf("pack table: %w", err)
	}
	if _, err := out.Write(data); err != nil {
		return fmt.Errorf("pack table: %w", err)
	}
	return nil
}

// packedTables begins the names of tables.
const packedTables = tablesDir + "/"

// openSegment is a segment as it was, which stays readable when it is pruned.
type openSegment struct {
	*os.File
	segment *segment
}

func (a *Archive) openAll() ([]openSegment, []tableFile, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []openSegment
	for _, s := range a.segments {
		f, err := os.Open(s.path)
		if err != nil {
			return out, nil, fmt.Errorf("open segment: %w", err)
		}
		c := *s
		c.places = slices.Clone(s.places)
		out = append(out, openSegment{f, &c})
	}
	return out, slices.Clone(a.tables), nil
}

// Holds reports whether everything of a packed past is here too, so that
// nothing would be won by taking it, and nothing here was ever found damaged.
func (a *Archive) Holds(p Packed) (bool, error) {
	a.mu.Lock()
	whole := len(a.damaged) == 0
	for i, s := range a.segments {
		whole = whole && (i == 0 || s.number == a.segments[i-1].number+1)
	}
	a.mu.Unlock()
	set, err := filepath.Glob(filepath.Join(a.cfg.Dir, "*"+damagedSuffix))
	if err != nil {
		return false, fmt.Errorf("list the past: %w", err)
	}
	if !whole || len(set) > 0 {
		return false, nil
	}
	for _, want := range []Place{p.First, p.Last} {
		r, err := a.ByIndex(want.Index)
		if errors.Is(err, ErrNotKept) || errors.Is(err, ErrDamaged) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if r.Place != want {
			return false, nil
		}
	}
	return true, nil
}
