package raftstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// A snapshot file is:
//
//	octets 0-3  magic "sRsf"
//	octets 4-7  length of the description, big endian
//	octets 8-11 CRC-32C of the description
//	then        the description, JSON
//	then        the contents (see writeContent)
const (
	snapshotMagic   = "sRsf"
	snapshotHead    = 12
	snapshotSuffix  = ".snap"
	damagedSuffix   = ".damaged"
	maxDescription  = 1 << 20
	snapshotVersion = 1
)

// description is what raft wants to know of a snapshot.
type description struct {
	Version            int      `json:"version"`
	Index              uint64   `json:"index"`
	Term               uint64   `json:"term"`
	Members            []Member `json:"members"`
	ConfigurationIndex uint64   `json:"configuration_index"`
}

// encode returns the file's beginning.
func (d description) encode() ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot description: %w", err)
	}
	b := append(make([]byte, 0, snapshotHead+len(text)), snapshotMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(text, castagnoli()))
	return append(b, text...), nil
}

// readDescription reads the file's beginning and leaves r at the contents.
func readDescription(r io.Reader) (d description, size int64, err error) {
	head := make([]byte, snapshotHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return d, 0, errors.New("it ends early")
	}
	n := binary.BigEndian.Uint32(head[4:])
	if string(head[:4]) != snapshotMagic || n > maxDescription {
		return d, 0, errors.New("not a snapshot file")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return d, 0, errors.New("it ends early")
	}
	if binary.BigEndian.Uint32(head[8:]) != crc32.Checksum(text, castagnoli()) {
		return d, 0, errors.New("checksum of its description does not match")
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, 0, fmt.Errorf("description: %w", err)
	}
	if d.Version != snapshotVersion {
		return d, 0, fmt.Errorf("version %d, this program knows %d", d.Version, snapshotVersion)
	}
	return d, int64(snapshotHead) + int64(n), nil
}

// openSnapshotFile opens a file, checks every octet of it, and returns its
// contents, ready to be read. A file that is not what was written gives a
// *DamageError.
func openSnapshotFile(path string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshot: %w", err)
	}
	meta, start, err := checkSnapshot(f, path)
	if err == nil {
		_, err = f.Seek(start, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return meta, f, nil
}

// checkSnapshot reads all of f.
func checkSnapshot(f *os.File, path string) (*raft.SnapshotMeta, int64, error) {
	d, start, err := readDescription(f)
	if err != nil {
		return nil, 0, &DamageError{File: path, Reason: err.Error()}
	}
	// Told by name, so that a renamed file cannot pass for a newer one.
	if want := snapshotID(d.Term, d.Index) + snapshotSuffix; filepath.Base(path) != want {
		return nil, 0, &DamageError{File: path, Reason: "its contents belong to " + want}
	}
	_, err = readContent(f, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if err != nil {
		var damage *DamageError
		if errors.As(err, &damage) {
			return nil, 0, &DamageError{File: path, Reason: damage.Reason}
		}
		return nil, 0, &DamageError{File: path, Reason: err.Error()}
	}
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0, fmt.Errorf("seek in snapshot: %w", err)
	}
	return d.meta(end - start), start, nil
}

// meta translates for raft.
func (d description) meta(size int64) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version:            raft.SnapshotVersionMax,
		ID:                 snapshotID(d.Term, d.Index),
		Index:              d.Index,
		Term:               d.Term,
		Configuration:      serverConfiguration(d.Members),
		ConfigurationIndex: d.ConfigurationIndex,
		Size:               size,
	}
}

// snapshotID sorts as text in the order of age.
func snapshotID(term, index uint64) string { return fmt.Sprintf("%016x-%016x", term, index) }

// snapshotSink writes one snapshot: to a temporary name first, checked and
// synced before it gets its own.
type snapshotSink struct {
	store *snapshotStore
	meta  *raft.SnapshotMeta
	file  *os.File
	// pipe feeds a reader that checks the contents while they are written.
	check    *io.PipeWriter
	checked  chan error
	finished bool
}

// ID implements raft.SnapshotSink.
func (s *snapshotSink) ID() string { return s.meta.ID }

// Write implements raft.SnapshotSink.
func (s *snapshotSink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.meta.Size += int64(n)
	// The checker stops at the first fault; Close reports it.
	_, _ = s.check.Write(p[:n])
	s.store.reached.at(pointSnapshotHalf)
	return n, err
}

// Close implements raft.SnapshotSink. The snapshot is there, durable and
// checked, when it returns nil.
func (s *snapshotSink) Close() error {
	if s.finished {
		return nil
	}
	s.finished = true
	_ = s.check.Close()
	err := errors.Join(<-s.checked, s.file.Sync(), s.file.Close())
	if err == nil {
		s.store.reached.at(pointSnapshotSynced)
		err = os.Rename(s.file.Name(), s.store.path(s.meta.ID))
	}
	if err == nil {
		s.store.reached.at(pointSnapshotNamed)
		err = wholefile.SyncDir(s.store.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("finish snapshot: %w", err), s.remove())
	}
	s.store.reached.at(pointSnapshotAdded)
	return s.store.added(s.meta)
}

// Cancel implements raft.SnapshotSink.
func (s *snapshotSink) Cancel() error {
	if s.finished {
		return nil
	}
	s.finished = true
	_ = s.check.CloseWithError(io.ErrUnexpectedEOF)
	<-s.checked
	return errors.Join(s.file.Close(), s.remove())
}

func (s *snapshotSink) remove() error {
	if err := os.Remove(s.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove unfinished snapshot: %w", err)
	}
	return nil
}

// startCheck runs readContent over what is written.
func (s *snapshotSink) startCheck() {
	var r *io.PipeReader
	r, s.check = io.Pipe()
	s.checked = make(chan error, 1)
	go func() { // ends when Close or Cancel closes the pipe; both wait for it
		_, err := readContent(r, func(r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		})
		_ = r.CloseWithError(err) // so that Write does not wait for a reader
		s.checked <- err
	}()
}
