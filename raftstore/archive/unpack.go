package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// Packed says what a packed past holds.
type Packed struct {
	Records int
	// First and Last are the places of its oldest and newest records.
	First, Last Place
	// Gaps counts the places where segments are missing between others: they
	// were damaged when it was packed, or before.
	Gaps int
	// Tables is how many tables come with the records.
	Tables int
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
		if name, ok := strings.CutPrefix(head.Name, packedTables); ok {
			if err := unpackTable(in, dir, name); err != nil {
				return out, err
			}
			out.Tables++
			continue
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
	if dir == "" {
		return out, nil
	}
	return out, wholefile.SyncDir(dir)
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

// unpackTable checks one table and writes it.
func unpackTable(r io.Reader, dir, name string) error {
	_, sum, ok := parseTableName(name)
	if !ok {
		return damage("packed past", fmt.Errorf("%q is no name of a table", name))
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPayload))
	if err == nil {
		_, err = readTable(bytes.NewReader(data), name, sum)
	}
	if err != nil {
		return fmt.Errorf("unpack table: %w", err)
	}
	if dir == "" {
		return nil
	}
	dir = filepath.Join(dir, tablesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory of tables: %w", err)
	}
	if err := wholefile.Replace(filepath.Join(dir, name), data); err != nil {
		return fmt.Errorf("unpack table: %w", err)
	}
	return nil
}
