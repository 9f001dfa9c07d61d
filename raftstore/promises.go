package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// errMayNotVote is returned to raft in place of keeping a vote.
var errMayNotVote = errors.New("this member has not been made a voter yet")

// Set implements raft.StableStore.
func (j *journal) Set(key, value []byte) error {
	record := binary.BigEndian.AppendUint32(append([]byte(nil), value...), valueSum(key, value))
	if err := j.write(func() error { return j.backing.Set(key, record) }); err != nil {
		return err
	}
	switch string(key) {
	case keyLastVoteTerm:
		j.reached.at(pointVoteHalf)
		j.voting = binary.BigEndian.Uint64(value)
	case keyLastVoteCand: // raft sets it second: the vote is complete
		return j.mark.votedFor(j.voting, voteSum(value))
	}
	return nil
}

// voteSum stands for a candidate in the high water mark; 0 for none.
func voteSum(candidate []byte) uint32 {
	if len(candidate) == 0 {
		return 0
	}
	return valueSum([]byte(keyLastVoteCand), candidate)
}

// Get implements raft.StableStore. For a key that was never set, the error's
// text is "not found", by which raft knows it.
func (j *journal) Get(key []byte) (value []byte, err error) {
	var record []byte
	if err := guard(func() error { record, err = j.backing.Get(key); return err }); err != nil {
		return nil, err
	}
	n := len(record) - crc32.Size
	if n < 0 || binary.BigEndian.Uint32(record[n:]) != valueSum(key, record[:n]) {
		return nil, &DamageError{File: j.file, Reason: fmt.Sprintf("checksum of %q does not match", key)}
	}
	return record[:n:n], nil
}

// GetUint64 implements raft.StableStore.
func (j *journal) GetUint64(key []byte) (uint64, error) {
	value, err := j.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, &DamageError{File: j.file, Reason: fmt.Sprintf("%q has %d octets", key, len(value))}
	}
	return binary.BigEndian.Uint64(value), nil
}

// SetUint64 implements raft.StableStore.
//
// Raft panics when it cannot save a term. A term alone promises nothing; what
// binds this member is a vote or an entry in that term. So a term that the disk
// refuses is kept in memory, and every other write saves it first or fails with
// it: after a crash this member cannot have voted or acknowledged anything in a
// term that it has forgotten.
func (j *journal) SetUint64(key []byte, value uint64) error {
	if string(key) == keyLastVoteTerm && !j.mayVote() {
		return errMayNotVote
	}
	if string(key) != keyCurrentTerm {
		return j.Set(key, binary.BigEndian.AppendUint64(nil, value))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unsaved = value
	if j.halted.Load() {
		return nil
	}
	if j.fault = j.put(keyCurrentTerm, value); j.fault == nil {
		j.unsaved = 0
	}
	return nil
}

// put must be called with mu held.
func (j *journal) put(key string, value uint64) error {
	v := binary.BigEndian.AppendUint64(nil, value)
	record := binary.BigEndian.AppendUint32(v, valueSum([]byte(key), v))
	if err := guard(func() error { return j.backing.Set([]byte(key), record) }); err != nil {
		return err
	}
	j.reached.at(pointTermSaved)
	return j.mark.promised(value)
}

// valueSum covers the key as well, so that values cannot change places.
func valueSum(key, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli(), key)
	sum = crc32.Update(sum, castagnoli(), []byte{0})
	return crc32.Update(sum, castagnoli(), value)
}
