package gate

import (
	"bytes"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/gate/meter"
	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// ErrAsking is returned when devices are being asked already.
var ErrAsking = errors.New("devices are being asked already")

// maxAsking bounds the devices that are asked in one go, and those of which it is
// remembered that they were.
const maxAsking = 10000

// AskState says what came of asking a device to look again.
type AskState uint8

// The states.
const (
	NotAsked    AskState = iota
	AskWaiting           // in the queue, or sent and not answered yet
	AskAnswered          // Asked.Status has what it said
	AskSilent            // no answer in time
	AskGone              // its connection is gone, or could not be written to
)

// Asked is what came of asking one device.
type Asked struct {
	State  AskState
	Status int       // of an answer
	At     time.Time // when it was put into the queue
}

// AskTotals count devices since the gate was started.
type AskTotals struct {
	Asked, Waiting, Taken, Refused, Silent, Gone int // Taken: answered 2xx
}

// AskSkip says why a device is not asked; "" when it is.
type AskSkip string

// The reasons.
const (
	SkipTrunk   AskSkip = "it sends calls and never registered: call who runs it"
	SkipUnknown AskSkip = "its address is only claimed: no registration from it has passed this gate"
	SkipRecent  AskSkip = "it was asked within the last hour" // of Config.AskAgain
	SkipGone    AskSkip = "it has no connection now"
	SkipFull    AskSkip = "too many are asked already"
)

// Skipped is a device that is not asked.
type Skipped struct {
	AoR    string
	Source netip.AddrPort
	Why    AskSkip
}

// device names a straggler: the same as the meter knows it by.
type askKey struct {
	aor  string
	addr netip.Addr
}

// asking remembers who was asked. The packet path comes here only with a response
// that carries our mark.
type asking struct {
	mu      sync.Mutex // held for all below
	running bool
	told    map[askKey]*Asked
	open    map[string]askKey // branch of a NOTIFY that waits for its answer
	past    AskTotals         // of those that are forgotten
}

func newAsking() *asking {
	return &asking{told: map[askKey]*Asked{}, open: map[string]askKey{}}
}

// of is what came of asking a device.
func (a *asking) of(aor string, addr netip.Addr) Asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.told[askKey{aor, addr}]; x != nil {
		return *x
	}
	return Asked{}
}

func (a *asking) counts() AskTotals {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.past
	for _, x := range a.told {
		t.add(*x)
	}
	return t
}

func (t *AskTotals) add(x Asked) {
	t.Asked++
	switch {
	case x.State == AskWaiting:
		t.Waiting++
	case x.State == AskSilent:
		t.Silent++
	case x.State == AskGone:
		t.Gone++
	case x.Status < 300:
		t.Taken++
	default:
		t.Refused++
	}
}

// begin takes those that may be asked into the queue, and says why not of the
// others. What was long enough ago is forgotten.
func (a *asking) begin(now time.Time, again time.Duration, all []meter.Straggler, there func(meter.Straggler) bool) (queue []meter.Straggler, skipped []Skipped, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running {
		return nil, nil, ErrAsking
	}
	for k, x := range a.told {
		if now.Sub(x.At) >= again {
			a.past.add(*x)
			delete(a.told, k)
		}
	}
	for _, s := range all {
		k := askKey{s.AoR, s.Source.Addr()}
		why := AskSkip("")
		switch {
		case s.Trunk:
			why = SkipTrunk
		case a.told[k] != nil:
			why = SkipRecent
		case s.Transport.Stream() && !there(s):
			why = SkipGone
		case !s.Transport.Stream() && (!s.Known || !s.Local.IsValid()):
			why = SkipUnknown // a NOTIFY to an address that nobody proved would hit a third party
		case len(a.told) >= maxAsking:
			why = SkipFull
		}
		if why != "" {
			skipped = append(skipped, Skipped{s.AoR, s.Source, why})
			continue
		}
		a.told[k] = &Asked{State: AskWaiting, At: now}
		queue = append(queue, s)
	}
	a.running = len(queue) > 0
	return queue, skipped, nil
}

func (a *asking) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = false
}

// sent opens a question: its answer comes with the branch.
func (a *asking) sent(branch string, k askKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[branch] = k
}

// waits reports whether the question is still open.
func (a *asking) waits(branch string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, open := a.open[branch]
	return open
}

// close ends a question without an answer, unless it has come.
func (a *asking) close(branch string, as AskState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k, open := a.open[branch]; open {
		delete(a.open, branch)
		a.told[k].State = as
	}
}

// askMark begins the branch of our own NOTIFY. It has not the length of a branch
// that is passed on.
const askMark = sipwire.MagicCookie + "-sgask-"

// asked takes the response at hand, if it answers a question of ours. Only the
// address that was asked can answer.
func (w *worker) asked(from netip.Addr) bool {
	branch := w.m.Via().Branch
	if !bytes.HasPrefix(branch, []byte(askMark)) {
		return false
	}
	a := w.asking
	a.mu.Lock()
	defer a.mu.Unlock()
	k, open := a.open[string(branch)]
	if status := w.m.Status(); open && k.addr == from && status >= 200 {
		delete(a.open, string(branch))
		x := a.told[k]
		x.State, x.Status = AskAnswered, status
	}
	return true
}
