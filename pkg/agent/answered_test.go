package agent

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// restarted is an agent whose life before answered one epoch and kept another,
// just after it has recalled what it can.
func restarted(t *testing.T, answered, kept uint64) (*Agent, *picky) {
	t.Helper()
	dns := &picky{}
	cfg := Config{Name: "calgary", Site: "calgary", Dir: t.TempDir()}
	a := &Agent{
		cfg: cfg, log: zerolog.Nop(), release: func() {}, pub: newPublisher("calgary", dns, nil, zerolog.Nop()),
		mem: newMemory(cfg.Dir, zerolog.Nop()),
	}
	a.machine = newMachine(zerolog.Nop(), a.pub.publish)
	before := &answeredMark{path: filepath.Join(cfg.Dir, answeredName), log: zerolog.Nop()}
	if err := before.open(); err != nil {
		t.Fatal(err)
	}
	before.note(answered)
	before.note(answered - 1) // it never goes back
	if err := before.close(); err != nil {
		t.Fatal(err)
	}
	if kept > 0 {
		if err := a.mem.write(epochState(kept)); err != nil {
			t.Fatal(err)
		}
	}
	begin(t, a)
	return a, dns
}

func begin(t *testing.T, a *Agent) {
	t.Helper()
	for _, step := range []func() error{a.markAnswers, a.recall} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func epochState(epoch uint64) steer.State {
	f := fleettest.ThreeSites()
	s := steer.New()
	s.Epoch, s.Fleet = epoch, &f
	return s
}

// Between the start and the end of the log nothing older is answered than before,
// neither what was kept nor what the log begins with.
func TestNothingOlderIsAnsweredThanBefore(t *testing.T) {
	for _, kept := range []uint64{0, 5} {
		a, dns := restarted(t, 9, kept)
		for _, epoch := range []uint64{3, 7, 8} {
			if a.machine.set(epochState(epoch)); dns.epoch != 0 {
				t.Errorf("epoch %d is answered after epoch 9", dns.epoch)
			}
		}
		for _, epoch := range []uint64{9, 10} {
			if a.machine.set(epochState(epoch)); dns.epoch != epoch {
				t.Errorf("epoch %d is answered, the log is at %d", dns.epoch, epoch)
			}
		}
		if a.release(); dns.epoch != 10 {
			t.Errorf("epoch %d is answered after the log was read", dns.epoch)
		}
	}
}

// What was kept is answered at once if it is what was answered, and when the log
// has nothing better.
func TestWhatWasKeptIsAnswered(t *testing.T) {
	if _, dns := restarted(t, 9, 9); dns.epoch != 9 {
		t.Errorf("epoch %d is answered, 9 was kept", dns.epoch)
	}
	a, dns := restarted(t, 9, 5)
	if a.release(); dns.epoch != 5 {
		t.Errorf("epoch %d is answered without a log, 5 was kept", dns.epoch)
	}
	a, dns = restarted(t, 9, 5)
	a.machine.set(epochState(7)) // a log that was put back
	if a.release(); dns.epoch != 7 {
		t.Errorf("epoch %d is answered, the log has 7", dns.epoch)
	}
	if a.machine.set(epochState(8)); dns.epoch != 8 {
		t.Errorf("epoch %d is answered, the log has gone on to 8", dns.epoch)
	}
}

// A log that takes long is not waited for.
func TestAnswersAreHeldShortly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := restarted(t, 9, 5)
		epoch := func() uint64 { now, _ := a.pub.served(); return now.state.Epoch }
		time.Sleep(holdAnswers - time.Millisecond)
		synctest.Wait()
		if got := epoch(); got != 0 {
			t.Errorf("epoch %d is answered before its time", got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := epoch(); got != 5 {
			t.Errorf("epoch %d is answered, 5 was kept", got)
		}
		a.release()
	})
}

// A damaged mark stands for nothing, and the next one is good again.
func TestDamagedMarkOfAnswers(t *testing.T) {
	whole := []byte(markText(9))
	for i := range whole {
		a, _ := restarted(t, 9, 5)
		path := a.mark.path
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		dns := &picky{}
		next := &Agent{cfg: a.cfg, log: zerolog.Nop(), release: func() {}, pub: newPublisher("calgary", dns, nil, zerolog.Nop()), mem: a.mem}
		if begin(t, next); dns.epoch != 5 {
			t.Errorf("octet %d flipped: epoch %d is answered, 5 was kept", i, dns.epoch)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != markText(5) {
			t.Errorf("octet %d flipped: %q, %v", i, got, err)
		}
	}
}
