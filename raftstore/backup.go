package raftstore

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// A backup file is:
//
//	octets 0-3  magic "sRbk"
//	octets 4-7  length of the description, big endian
//	then        the description, JSON
//	then        the contents (see writeContent), deflated
//	then        the attachment, if the description names one
//	last 32     SHA-256 of everything before
//
// Programs from before there were attachments pass over them.
const (
	backupMagic   = "sRbk"
	backupVersion = 1
)

// BackupInfo describes a backup.
type BackupInfo struct {
	Format  int           `json:"format"`
	Cluster string        `json:"cluster"`
	Agent   fleet.AgentID `json:"agent"`
	TakenAt time.Time     `json:"taken_at"`
	// Index and Term are those of the last entry that it holds.
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	// Chain stands for every entry up to it.
	Chain   Hash     `json:"chain"`
	Members []Member `json:"members"`
	// Attached names what comes with it; "" is nothing.
	Attached string `json:"attached,omitempty"`
}

// Attachment is something that travels with a backup, under its sum.
type Attachment struct {
	// Name tells readers what it is.
	Name string
	// Write writes it. It is called after the state was copied.
	Write func(io.Writer) error
}

// Backup writes a consistent copy of the state to w while everything goes on.
// It fails when the state is in doubt (see Distrust).
func (s *Store) Backup(w io.Writer) (BackupInfo, error) { return s.BackupWith(w, Attachment{}) }

// BackupWith is Backup with an attachment; without one if it has no name.
func (s *Store) BackupWith(w io.Writer, with Attachment) (BackupInfo, error) {
	place, write, err := s.replica.copy()
	if err != nil {
		return BackupInfo{}, fmt.Errorf("back up: %w", err)
	}
	info := BackupInfo{
		Format: backupVersion, Cluster: s.cfg.Cluster, Agent: s.cfg.ID, TakenAt: time.Now().UTC(),
		Index: place.applied, Term: place.term, Chain: place.chain, Members: s.Members(),
		Attached: with.Name,
	}
	if err := writeBackup(w, info, place, write, with); err != nil {
		return BackupInfo{}, fmt.Errorf("back up: %w", err)
	}
	return info, nil
}

func writeBackup(w io.Writer, info BackupInfo, place contentPlace, machine func(io.Writer) error, with Attachment) error {
	text, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("encode description: %w", err)
	}
	sum := sha256.New()
	buf := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	head := binary.BigEndian.AppendUint32([]byte(backupMagic), uint32(len(text)))
	if _, err := buf.Write(append(head, text...)); err != nil {
		return err
	}
	packed, err := flate.NewWriter(buf, flate.BestSpeed)
	if err != nil {
		return fmt.Errorf("make compressor: %w", err)
	}
	if err := writeContent(packed, place, machine); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if with.Name != "" {
		if err := with.Write(buf); err != nil {
			return fmt.Errorf("attach %s: %w", with.Name, err)
		}
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// ReadBackup reads a whole backup and gives the Machine's part to machine, whose
// reader fails before its end when the file is damaged. Only when ReadBackup
// returns nil was every octet as it was written. attached is given the
// attachment in the same way, if there is one; nil passes over it.
func ReadBackup(r io.Reader, machine func(io.Reader) error, attached func(name string, r io.Reader) error) (BackupInfo, error) {
	damage := func(reason string) error { return &DamageError{File: "backup", Reason: reason} }
	cr := &contentReader{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New(), what: "backup"}
	head := make([]byte, len(backupMagic)+4)
	if _, err := io.ReadFull(cr, head); err != nil {
		return BackupInfo{}, fmt.Errorf("read backup: %w", err)
	}
	n := binary.BigEndian.Uint32(head[len(backupMagic):])
	if string(head[:len(backupMagic)]) != backupMagic || n > maxDescription {
		return BackupInfo{}, damage("not a backup file")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(cr, text); err != nil {
		return BackupInfo{}, fmt.Errorf("read backup: %w", err)
	}
	info, bad := decodeInfo(text)
	var place contentPlace
	if bad == nil {
		rest := bufio.NewReader(cr) // flate takes no octet too many of it
		place, bad = readContent(flate.NewReader(rest), machine)
		if bad == nil && info.Attached != "" && attached != nil {
			bad = attached(info.Attached, rest)
		}
	}
	// Whatever was wrong inside: if the sum is wrong too, that is the reason.
	if _, err := io.Copy(io.Discard, cr); err != nil {
		return BackupInfo{}, fmt.Errorf("read backup: %w", err)
	}
	if bad != nil {
		return BackupInfo{}, fmt.Errorf("read backup: %w", bad)
	}
	if place.applied != info.Index || place.term != info.Term || place.chain != info.Chain {
		return BackupInfo{}, damage("its description belongs to other contents")
	}
	return info, nil
}

func decodeInfo(text []byte) (BackupInfo, error) {
	var info BackupInfo
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&info); err != nil {
		return info, fmt.Errorf("decode description: %w", err)
	}
	if info.Format != backupVersion {
		return info, fmt.Errorf("backup has format %d, this program knows %d", info.Format, backupVersion)
	}
	return info, nil
}
