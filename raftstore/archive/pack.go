package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Pack writes what is kept at this moment as a tar file, for a backup. A segment
// that is damaged on the disk is left out and logged: what is sound must not
// wait for it. What is appended meanwhile is not in it.
func (a *Archive) Pack(w io.Writer) error {
	files, err := a.openAll()
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
	if err := out.Close(); err != nil {
		return fmt.Errorf("pack the past: %w", err)
	}
	return nil
}

// openSegment is a segment as it was, which stays readable when it is pruned.
type openSegment struct {
	*os.File
	segment *segment
}

func (a *Archive) openAll() ([]openSegment, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []openSegment
	for _, s := range a.segments {
		f, err := os.Open(s.path)
		if err != nil {
			return out, fmt.Errorf("open segment: %w", err)
		}
		c := *s
		c.places = slices.Clone(s.places)
		out = append(out, openSegment{f, &c})
	}
	return out, nil
}

// Packed says what a packed past holds.
type Packed struct {
	Records int
	// First and Last are the places of its oldest and newest records.
	First, Last Place
	// Gaps counts the places where segments are missing between others: they
	// were damaged when it was packed, or before.
	Gaps int
}

// Unpack reads what Pack wrote, checks every record, and writes the segments
// into dir, which must be empty, for Open; with dir "" it only checks.
func Unpack(r io.Reader, dir string) (Packed, error) {
	var out Packed
	var before *segment
	in := tar.NewReader(r)
	for {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, fmt.Errorf("unpack the past: %w", err)
		}
		var number uint64
		if _, err := fmt.Sscanf(head.Name, "%016x.past", &number); err != nil || head.Name != segmentName(number) || head.Typeflag != tar.TypeReg {
			return out, damage("packed past", fmt.Errorf("%q is no name of a segment", head.Name))
		}
		s, err := unpackSegment(in, dir, number)
		if err != nil {
			return out, err
		}
		switch {
		case before == nil:
		case number <= before.number:
			return out, damage("packed past", fmt.Errorf("segment %s after %s", head.Name, segmentName(before.number)))
		case number > before.number+1:
			out.Gaps++
		case s.before != before.last:
			return out, damage("packed past", fmt.Errorf("segment %s does not continue the one before", head.Name))
		}
		out.add(s)
		before = s
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // the padding behind a tar file
		return out, fmt.Errorf("unpack the past: %w", err)
	}
	return out, syncDir(dir)
}

func (p *Packed) add(s *segment) {
	if len(s.places) == 0 {
		return
	}
	if p.Records == 0 {
		p.First = s.places[0].Place
	}
	p.Last = s.places[len(s.places)-1].Place
	p.Records += len(s.places)
}

// unpackSegment checks one segment while it is written.
func unpackSegment(r io.Reader, dir string, number uint64) (*segment, error) {
	path := segmentName(number)
	var f *os.File
	if dir != "" {
		var err error
		path = filepath.Join(dir, path)
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, fmt.Errorf("unpack segment: %w", err)
		}
		r = io.TeeReader(r, f)
	}
	s, cut, err := parseSegment(r, path, number)
	if err == nil && cut {
		err = damage(path, errCut)
	}
	if f != nil {
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("unpack segment: %w", err)
	}
	return s, nil
}

// syncDir makes the names in dir durable; "" is no directory.
func syncDir(dir string) error {
	if dir == "" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory of the past: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory of the past: %w", err)
	}
	return nil
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
