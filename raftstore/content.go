package raftstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// The contents of a snapshot, on disk and on the wire alike:
//
//	octets 0-3    magic "sRsc"
//	octet  4      version, now 2
//	octets 5-7    0
//	octets 8-15   index of the last entry applied, big endian
//	octets 16-23  its term
//	octets 24-55  chain over the entries up to that one (see Hash)
//	octets 56-    what the Machine wrote
//	last 32       SHA-256 of everything before
//
// The member that takes the snapshot makes the sum, and everyone who reads it,
// here or after it was sent to another member, checks it.
const (
	contentMagic   = "sRsc"
	contentVersion = 2
	contentHeader  = 24 + sha256.Size
)

// contentPlace says where in the history a snapshot was taken.
type contentPlace struct {
	applied, term uint64
	chain         Hash
}

// writeContent writes a snapshot's contents to w.
func writeContent(w io.Writer, place contentPlace, machine func(io.Writer) error) error {
	sum := sha256.New()
	buf := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	head := append(make([]byte, 0, contentHeader), contentMagic...)
	head = append(head, contentVersion, 0, 0, 0)
	head = binary.BigEndian.AppendUint64(head, place.applied)
	head = binary.BigEndian.AppendUint64(head, place.term)
	head = append(head, place.chain[:]...)
	if _, err := buf.Write(head); err != nil {
		return err
	}
	if err := machine(buf); err != nil {
		return err
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// readContent gives the Machine its part of the contents and checks the sum.
// The Machine's reader fails in place of ending well when the sum is wrong.
func readContent(r io.Reader, machine func(io.Reader) error) (place contentPlace, err error) {
	cr := &contentReader{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New(), what: "snapshot"}
	head := make([]byte, contentHeader)
	if _, err := io.ReadFull(cr, head); err != nil {
		return place, fmt.Errorf("read snapshot header: %w", err)
	}
	if string(head[:4]) != contentMagic {
		return place, &DamageError{File: "snapshot", Reason: "no snapshot magic"}
	}
	if head[4] != contentVersion || head[5] != 0 || head[6] != 0 || head[7] != 0 {
		return place, &Fatal{Reason: fmt.Errorf("snapshot has version %d, this program knows %d; use the program that wrote it", head[4], contentVersion)}
	}
	if err := machine(cr); err != nil {
		return place, err
	}
	// A Machine that stops reading at the end of its own format has not seen
	// yet whether the sum is right.
	if _, err := io.Copy(io.Discard, cr); err != nil {
		return place, err
	}
	place.applied = binary.BigEndian.Uint64(head[8:])
	place.term = binary.BigEndian.Uint64(head[16:])
	copy(place.chain[:], head[24:])
	return place, nil
}

// contentReader holds back the sum and checks it at the end.
type contentReader struct {
	r    *bufio.Reader
	sum  hash.Hash
	what string // in errors
}

// Read implements io.Reader.
func (c *contentReader) Read(p []byte) (int, error) {
	ahead, err := c.r.Peek(sha256.Size + 1)
	if errors.Is(err, io.EOF) {
		return 0, c.end(ahead)
	}
	if err != nil {
		return 0, err
	}
	// Everything buffered except its last octets is contents for certain.
	n := min(len(p), c.r.Buffered()-sha256.Size)
	n, err = c.r.Read(p[:n])
	c.sum.Write(p[:n])
	return n, err
}

// end returns io.EOF if the rest is the sum of what was read.
func (c *contentReader) end(rest []byte) error {
	if len(rest) != sha256.Size {
		return &DamageError{File: c.what, Reason: "it ends early"}
	}
	if !bytes.Equal(rest, c.sum.Sum(nil)) {
		return &DamageError{File: c.what, Reason: "SHA-256 does not match"}
	}
	return io.EOF
}
