package raftstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// backupOf takes a backup of a cluster of one with these entries.
func backupOf(t *testing.T, entries ...string) ([]byte, raftstore.BackupInfo) {
	t.Helper()
	return backupWith(t, raftstore.Attachment{}, entries...)
}

func backupWith(t *testing.T, with raftstore.Attachment, entries ...string) ([]byte, raftstore.BackupInfo) {
	t.Helper()
	c := one(t, nil, entries...)
	defer c.Stop()
	var b bytes.Buffer
	info, err := c.Nodes[0].Store.BackupWith(&b, with)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), info
}

func TestBackupHoldsWhatWasApplied(t *testing.T) {
	whole, info := backupOf(t, "a", "b")
	var m raftstoretest.Machine
	got, err := raftstore.ReadBackup(bytes.NewReader(whole), m.Restore, nil)
	if err != nil || got.Index != info.Index || got.Chain != info.Chain || got.Agent != "n1" || len(got.Members) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if !slices.Equal(m.Entries(), []string{"a", "b"}) {
		t.Errorf("entries %q", m.Entries())
	}
}

func attached(name, text string) raftstore.Attachment {
	return raftstore.Attachment{Name: name, Write: func(w io.Writer) error { _, err := io.WriteString(w, text); return err }}
}

// TestAttachmentTravelsWithABackup: who knows it gets all of it and nothing
// more, who does not passes over it, and a false octet in it is damage to both.
func TestAttachmentTravelsWithABackup(t *testing.T) {
	text := strings.Repeat("calgary was drained at noon. ", 10_000)
	whole, info := backupWith(t, attached("past", text), "a", "b")
	if info.Attached != "past" {
		t.Errorf("described as %q", info.Attached)
	}
	var name string
	var got []byte
	take := func(n string, r io.Reader) (err error) {
		name = n
		got, err = io.ReadAll(r)
		return err
	}
	var m raftstoretest.Machine
	if _, err := raftstore.ReadBackup(bytes.NewReader(whole), m.Restore, take); err != nil || name != "past" || string(got) != text {
		t.Errorf("attachment %q of %d octets, %d were written; %v", name, len(got), len(text), err)
	}
	if !slices.Equal(m.Entries(), []string{"a", "b"}) {
		t.Errorf("entries %q", m.Entries())
	}
	if _, err := raftstore.ReadBackup(bytes.NewReader(whole), m.Restore, nil); err != nil {
		t.Errorf("by who does not know it: %v", err)
	}
	whole[len(whole)-1000] ^= 4
	for _, by := range []func(string, io.Reader) error{take, nil} {
		if _, err := raftstore.ReadBackup(bytes.NewReader(whole), m.Restore, by); !errors.Is(err, raftstore.ErrDamaged) {
			t.Errorf("damaged: %v", err)
		}
	}
	name = ""
	bare, _ := backupOf(t, "a")
	if _, err := raftstore.ReadBackup(bytes.NewReader(bare), m.Restore, take); err != nil || name != "" {
		t.Errorf("a backup without: attachment %q, %v", name, err)
	}
}

// TestEveryFlippedByteOfABackupIsSeen flips each octet in turn and cuts the
// file at each place.
func TestEveryFlippedByteOfABackupIsSeen(t *testing.T) {
	whole, _ := backupWith(t, attached("past", "calgary was drained"), "drain calgary", "undrain calgary", strings.Repeat("west ", 50))
	drop := func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	read := func(b []byte) error {
		_, err := raftstore.ReadBackup(bytes.NewReader(b), drop, func(_ string, r io.Reader) error { return drop(r) })
		return err
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for _, bit := range []byte{0x01, 0x10, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[i] ^= bit
			if err := read(b); !errors.Is(err, raftstore.ErrDamaged) {
				t.Fatalf("octet %d: %v", i, err)
			}
		}
		if err := read(whole[:i]); err == nil {
			t.Fatalf("cut at %d: read", i)
		}
	}
	if err := read(append(bytes.Clone(whole), 0)); !errors.Is(err, raftstore.ErrDamaged) {
		t.Errorf("one octet more: %v", err)
	}
}

// seedOf makes a seed of a backup.
func seedOf(t *testing.T, whole []byte) raftstore.Seed {
	t.Helper()
	var m raftstoretest.Machine
	info, err := raftstore.ReadBackup(bytes.NewReader(whole), m.Restore, nil)
	if err != nil {
		t.Fatal(err)
	}
	write, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return raftstore.Seed{Index: info.Index + 1000, Term: info.Term + 1, Chain: info.Chain, Write: write}
}

// TestPlantedMembersGoOn restores one backup on two of three members. They are
// a majority; the third comes to them with nothing.
func TestPlantedMembersGoOn(t *testing.T) {
	whole, info := backupOf(t, "a", "b")
	c := raftstoretest.OnDisk(t, 3)
	defer c.Stop()
	for i, n := range c.Nodes[:2] {
		seed := seedOf(t, whole)
		seed.ID, seed.Dir, seed.Members = n.ID, n.Dir, slices.Clone(c.Members)
		if i == 1 {
			slices.Reverse(seed.Members)
		}
		if err := raftstore.Plant(seed); err != nil {
			t.Fatal(err)
		}
		if err := raftstore.Plant(seed); !errors.Is(err, raftstore.ErrForeignDir) {
			t.Errorf("planted over a store: %v", err)
		}
	}
	c.Start(c.Nodes[:2]...)
	c.Leader(c.Nodes[:2]...)
	c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.Members = nil }
	c.Start(c.Nodes[2])
	res := c.Propose("c")
	if got := c.Agree(res.Index); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("entries %q", got)
	}
	if res.Index <= info.Index+1000 || res.Term <= info.Term {
		t.Errorf("the new history is at entry %d of term %d, the old one ended at %d of %d", res.Index, res.Term, info.Index, info.Term)
	}
}

// TestSalvageFromOneDirectory brings a cluster back from one of three members'
// directories: everything that was acknowledged is there.
func TestSalvageFromOneDirectory(t *testing.T) {
	c := raftstoretest.OnDisk(t, 3)
	c.Start()
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
		res := c.Propose(want[i])
		if i == 15 {
			c.Agree(res.Index)
			if err := c.Nodes[1].Store.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if i == 29 {
			c.Agree(res.Index)
		}
	}
	c.Crash()
	n := c.Nodes[1]
	var m raftstoretest.Machine
	found, err := raftstore.Salvage(n.Dir, n.ID, "", &m)
	if err != nil || !slices.Equal(m.Entries(), want) || len(found.Members) != 3 {
		t.Fatalf("salvaged %+v, %q, %v", found, m.Entries(), err)
	}
	again, err := raftstore.Salvage(n.Dir, n.ID, "", &raftstoretest.Machine{})
	if err != nil || again.Chain != found.Chain || again.Index != found.Index {
		t.Errorf("salvaged again: %+v, %v", again, err)
	}
	write, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := raftstore.SetAside(n.Dir, filepath.Join(n.Dir, "before")); err != nil {
		t.Fatal(err)
	}
	alone := []raftstore.Member{{ID: n.ID, Address: n.Address, Voter: true}}
	err = raftstore.Plant(raftstore.Seed{ID: n.ID, Dir: n.Dir, Members: alone, Index: found.Index + 1, Term: found.Term + 1, Chain: found.Chain, Write: write})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	c.Start(n)
	raftstoretest.Eventually(t, "an entry", func() bool { _, err := n.Store.Propose(t.Context(), []byte("on")); return err == nil })
	if got := n.Machine.Entries(); !slices.Equal(got, append(want, "on")) {
		t.Errorf("entries %q", got)
	}
}

func TestSetAsideLeavesARunningStoreAlone(t *testing.T) {
	c := one(t, nil, "a")
	defer c.Stop()
	if err := raftstore.SetAside(c.Nodes[0].Dir, t.TempDir()); !errors.Is(err, raftstore.ErrInUse) {
		t.Errorf("error %v", err)
	}
}
