package agent

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/parity"
)

// answersLast is how long what a softswitch answered is remembered: its
// configuration may have become another one since.
const answersLast = 24 * time.Hour

// lastAnswers are what softswitches answered last. Phones are moved away from one
// that is silent: what they were used to there is known only from before. The
// zero value knows nothing.
type lastAnswers struct {
	mu sync.Mutex
	of map[lastKey]lastAnswer // guarded by mu
}

type lastKey struct {
	target   health.Target
	question parity.Question
}

type lastAnswer struct {
	answer parity.Answer
	at     time.Time
}

// put remembers an answer, and forgets those that are old.
func (l *lastAnswers) put(t health.Target, q parity.Question, a parity.Answer, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[lastKey]lastAnswer{}
	}
	maps.DeleteFunc(l.of, func(_ lastKey, x lastAnswer) bool { return now.Sub(x.at) > answersLast })
	l.of[lastKey{t, q}] = lastAnswer{maps.Clone(a), now}
}

// get returns what was answered last, and when.
func (l *lastAnswers) get(t health.Target, q parity.Question, now time.Time) (parity.Answer, time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x, ok := l.of[lastKey{t, q}]
	if !ok || now.Sub(x.at) > answersLast {
		return nil, time.Time{}, false
	}
	return maps.Clone(x.answer), x.at, true
}

// keepAnswers compares the softswitches now and then at every agent, so that each
// of them knows what one that falls silent used to answer.
func (a *Agent) keepAnswers(ctx context.Context) {
	every := a.readinessEvery()
	pause(ctx, min(every, readinessSettles))
	for ctx.Err() == nil {
		if s := a.state(); s.Fleet != nil {
			a.lookAtParity(ctx, s)
		}
		pause(ctx, every)
	}
}

// silent reports whether an answer only says that there is none.
func silent(a parity.Answer) bool {
	_, none := a[parity.Unanswered]
	return a == nil || none
}

// questionsHere are those that are asked while a person waits for a plan: calls
// take too long.
func questionsHere() []parity.Question {
	return slices.DeleteFunc(parity.Questions(), func(q parity.Question) bool { return q == parity.Call })
}
