package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestFollowing: answers are old when the disk refuses at once, and when nobody
// was heard for long; an election between is no reason.
func TestFollowing(t *testing.T) {
	began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	full := errors.New("no space left on device")
	var f following
	for _, step := range []struct {
		after time.Duration
		heard bool
		disk  error
		says  string // "" is nothing
	}{
		{0, false, nil, unheard},
		{lostContact - time.Second, false, nil, unheard},
		{lostContact, false, nil, "no majority"},
		{lostContact + time.Second, true, nil, ""},
		{lostContact + 2*time.Second, true, full, "no space left"},
		{lostContact + 3*time.Second, true, nil, ""},
		{2*lostContact + 3*time.Second, false, full, "no space left"},
		{2*lostContact + 3*time.Second, false, nil, "no majority"},
	} {
		got := f.lost(began.Add(step.after), step.heard, step.disk)
		if (step.says == "") != (got == "") || !strings.Contains(got, step.says) {
			t.Errorf("after %s, heard %v, disk %v: %q, want %q", step.after, step.heard, step.disk, got, step.says)
		}
	}
}

// TestStaleReasons come and go in whatever order.
func TestStaleReasons(t *testing.T) {
	p := newPublisher("calgary", nil, nil, zerolog.Nop())
	stale := false
	p.stale = func(now bool) { stale = now }
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { p.setBehind("EIO") }, "EIO"},
		{func() { p.freeze("it differs") }, "it differs"},
		{func() { p.setBehind("") }, "it differs"},
		{func() { p.setBehind("EIO") }, "it differs"},
		{func() { p.freeze("") }, "EIO"},
		{func() { p.setBehind("") }, ""},
	} {
		if step.do(); stale != (step.want != "") || p.staleness() != step.want {
			t.Errorf("stale %v because %q, want %q", stale, p.staleness(), step.want)
		}
	}
}

// TestStaleIsSaid: what the answers say, status says too, and the watch lifts
// it when nothing is wrong.
func TestStaleIsSaid(t *testing.T) {
	w := newWorld(t, nil)
	of := w.agents[0]
	stale := func() bool { return of.dns.Stats().Stale }
	w.eventually("it says so", func() bool {
		of.pub.setBehind("the disk refuses decisions: EIO")
		e := of.effect()
		return stale() && strings.Contains(e.Stale, "EIO") && strings.Contains(e.Problem, "marked stale")
	})
	w.eventually("it is lifted", func() bool { return !stale() && of.effect().Problem == "" })
}
