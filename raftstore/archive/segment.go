package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// segment is one file with the places of its records.
type segment struct {
	path   string
	number uint64
	before Hash // hash of the record before the first
	last   Hash // hash of the last record
	size   int64
	places []located
}

// located is a record's place and where in the file its body lies.
type located struct {
	Place
	at     int64 // of the record's head
	before Hash  // hash of the record before
}

// errNoHead says that a crash came between making a segment and writing to it.
var errNoHead = errors.New("it is empty")

func segmentName(number uint64) string { return fmt.Sprintf("%016x.past", number) }

// damage says what is wrong with a file.
func damage(path string, err error) error {
	return &DamageError{File: path, Reason: err.Error()}
}

// readSegment reads and checks every octet. cut says that the last record is
// not whole; what comes before it is.
func readSegment(path string, number uint64) (s *segment, cut bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("open past: %w", err)
	}
	defer f.Close()
	return parseSegment(f, path, number)
}

// parseSegment is readSegment of what lies, or will lie, at path.
func parseSegment(file io.Reader, path string, number uint64) (s *segment, cut bool, err error) {
	r := bufio.NewReaderSize(file, 1<<16)
	head := make([]byte, segmentHead)
	if n, err := io.ReadFull(r, head); n == 0 {
		return nil, false, errors.Join(errNoHead, damage(path, errNoHead))
	} else if err != nil {
		return nil, false, damage(path, errors.New("it ends early"))
	}
	s = &segment{path: path, number: number, size: segmentHead}
	if s.before, err = decodeHead(head); err != nil {
		return nil, false, damage(path, err)
	}
	s.last = s.before
	for {
		body, hash, err := readBody(r, s.last)
		switch {
		case errors.Is(err, io.EOF):
			return s, false, nil
		case errors.Is(err, errCut):
			return s, true, nil
		case err != nil:
			return nil, false, damage(path, err)
		}
		if _, err := decodeRecord(body); err != nil {
			return nil, false, damage(path, err)
		}
		s.add(decodePlace(body), len(body), hash)
	}
}

func (s *segment) add(p Place, body int, hash Hash) {
	s.places = append(s.places, located{Place: p, at: s.size, before: s.last})
	s.size += int64(recordHead + body + len(hash))
	s.last = hash
}

// read returns one record, checked again.
func (s *segment) read(l located) (Record, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return Record{}, fmt.Errorf("open past: %w", err)
	}
	defer f.Close()
	body, _, err := readBody(io.NewSectionReader(f, l.at, s.size-l.at), l.before)
	if err != nil {
		return Record{}, damage(s.path, err)
	}
	r, err := decodeRecord(body)
	if err != nil {
		return Record{}, damage(s.path, err)
	}
	return r, nil
}

// create makes an empty segment on disk.
func create(dir string, number uint64, before Hash) (*segment, *os.File, error) {
	s := &segment{path: filepath.Join(dir, segmentName(number)), number: number, before: before, last: before, size: segmentHead}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("create segment: %w", err)
	}
	if _, err := f.Write(encodeHead(before)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("write segment: %w", err), f.Close(), os.Remove(s.path))
	}
	return s, f, nil
}
