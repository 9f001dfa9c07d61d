package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// commitMark remembers, outside of the log, the last entry that this member was
// given as committed. Raft keeps that nowhere: after a restart a log alone does
// not say which of its entries are committed, and who waits for a leader to say
// so serves meanwhile what is older than what it served before. What is committed
// stays so; hence entries up to the mark may be applied before anyone is heard.
//
// The mark is written before the Machine sees the entry, without fsync: the kernel
// keeps it over a crash of the process, and after a power cut it may be behind,
// never ahead. It lies behind the log too, which was synced before the entry
// counted. One that is damaged or does not fit the log is not used, and said so.
//
// The file holds: magic "sRcm", index, term, CRC-32C of that; integers big endian.
type commitMark struct {
	file   *os.File
	logger zerolog.Logger

	mu sync.Mutex
	// guarded by mu:
	at      position
	refused bool // by the disk, and said so
}

const (
	commitMarkName  = "COMMITTED"
	commitMarkMagic = "sRcm"
	commitMarkSize  = 4 + 8 + 8 + 4
)

// openCommitMark opens or makes the file. Damage is no reason to refuse the store:
// nothing is promised by the mark that the log does not hold.
func openCommitMark(path string, logger zerolog.Logger) (*commitMark, error) {
	m := &commitMark{logger: logger}
	b, err := os.ReadFile(path)
	if err == nil {
		if m.at, err = decodeCommitMark(b); err != nil {
			logger.Error().Err(err).Str("file", path).Msg("damaged commit mark not used: what was decided last is served when a leader is heard")
		}
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errCommitMark) {
			return nil, fmt.Errorf("read commit mark: %w", err)
		}
		if err := wholefile.Replace(path, encodeCommitMark(position{})); err != nil {
			return nil, fmt.Errorf("make commit mark: %w", err)
		}
	}
	if m.file, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("open commit mark: %w", err)
	}
	return m, nil
}

var errCommitMark = errors.New("not a commit mark as it was written")

func decodeCommitMark(b []byte) (position, error) {
	end := commitMarkSize - crc32.Size
	if len(b) != commitMarkSize || string(b[:4]) != commitMarkMagic || binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli()) {
		return position{}, errCommitMark
	}
	return position{binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint64(b[12:])}, nil
}

func encodeCommitMark(p position) []byte {
	b := append(make([]byte, 0, commitMarkSize), commitMarkMagic...)
	b = binary.BigEndian.AppendUint64(b, p.index)
	b = binary.BigEndian.AppendUint64(b, p.term)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// committed notes that everything up to the entry is committed. A disk that
// refuses changes nothing for the entry: only a restart without a leader would
// begin before it.
func (m *commitMark) committed(index, term uint64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if index <= m.at.index {
		return
	}
	m.at = position{index, term}
	if m.file == nil { // a Memory's
		return
	}
	_, err := m.file.WriteAt(encodeCommitMark(m.at), 0)
	if err != nil && !m.refused {
		m.logger.Error().Err(err).Msg("commit mark not written: a restart without a leader would begin with an older decision")
	}
	m.refused = err != nil
}

func (m *commitMark) read() position {
	if m == nil {
		return position{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *commitMark) close() error {
	if m == nil || m.file == nil {
		return nil
	}
	return m.file.Close()
}

// replayBatch is how many entries are applied between two chances of others.
const replayBatch = 256

// replay applies what the log holds between the newest snapshot, which was
// restored, and the mark. Raft hands the same entries over again when it hears of
// their commit; the replica passes over them.
func (s *Store) replay() {
	_, newest := s.disk.snapshots.indexes()
	mark := s.disk.committed.read()
	restores, whole := s.replica.begun()
	if mark.index <= newest || !whole {
		return
	}
	var last raft.Log
	if err := s.disk.journal.read(mark.index, &last); err != nil || last.Term != mark.term {
		s.logger.Error().AnErr("log", err).Uint64("entry", mark.index).Uint64("term", mark.term).Msg("commit mark does not fit the log and is not used")
		return
	}
	for from := newest + 1; from <= mark.index; from += replayBatch {
		logs, err := s.disk.journal.given(from, min(from+replayBatch-1, mark.index))
		if errors.Is(err, raft.ErrLogNotFound) {
			return // a snapshot of the leader stands for it since a moment
		}
		if err != nil {
			s.halt(err)
			return
		}
		if !s.replica.replay(logs, restores) {
			return
		}
	}
}

// given returns those of the entries that a replica is given.
func (j *journal) given(from, to uint64) ([]*raft.Log, error) {
	var logs []*raft.Log
	for index := from; index <= to; index++ {
		log := new(raft.Log)
		if err := j.read(index, log); err != nil {
			return nil, err
		}
		if log.Type == raft.LogCommand || log.Type == raft.LogConfiguration {
			logs = append(logs, log)
		}
	}
	return logs, nil
}
