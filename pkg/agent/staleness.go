package agent

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

const (
	// staleLook is how often this agent asks itself whether it follows the fleet.
	staleLook = 500 * time.Millisecond
	// lostContact is for how long no majority was heard when answers count as
	// old: several times the longest election of either profile, so that a change
	// of the leader marks nothing.
	lostContact = 10 * time.Second
	// unheard is why what was served before the start counts as old at first: the
	// agent may have been away for weeks. It is no problem for operators yet.
	unheard = "the others were not heard since the start"
	// staleWords go before the reason, for operators.
	staleWords = "its answers are marked stale (extended DNS error 3), since newer decisions may not be answered here"
)

// following judges whether decisions may have been made that do not come here.
// The answers are right as long as nothing was decided since; this agent cannot
// know, so it says so (RFC 8914 §4.4) and goes on.
type following struct {
	began time.Time // when this was first asked
	heard time.Time // when word of a majority last came; zero if never
}

// lost says why newer decisions may not come, or "". A disk that refuses keeps
// this agent from taking an entry, and what is not on disk is not applied.
func (f *following) lost(now time.Time, heard bool, disk error) string {
	if f.began.IsZero() {
		f.began = now
	}
	if heard {
		f.heard = now
	}
	last := f.heard
	if last.IsZero() {
		last = f.began
	}
	switch {
	case disk != nil:
		return fmt.Sprintf("the disk refuses decisions: %v", disk)
	case now.Sub(last) >= lostContact:
		return fmt.Sprintf("no majority of the agents was heard for more than %s", lostContact)
	case f.heard.IsZero():
		return unheard
	}
	return ""
}

// watchStaleness marks the answers while this agent does not follow the fleet,
// until ctx ends.
func (a *Agent) watchStaleness(ctx context.Context) {
	tick := time.NewTicker(staleLook)
	defer tick.Stop()
	var f following
	for {
		why := f.lost(time.Now(), a.store.HasQuorum(), a.store.DiskFault())
		switch before := a.pub.setBehind(why); {
		case before == "" && why != "" && why != unheard:
			a.log.Warn().Str("why", why).Msg("answers are marked stale: newer decisions may not be answered here")
		case before != "" && why == "":
			a.log.Info().Msg("answers are not marked stale any more")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// setBehind notes why newer decisions may not come here; an empty reason ends
// that. It returns the reason from before.
func (p *publisher) setBehind(why string) (before string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before = p.behind; before != why {
		p.behind = why
		p.tellStale()
		p.wake()
	}
	return before
}

// staleness is why the answers are marked stale, or "".
func (p *publisher) staleness() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.staleNow()
}

// staleNow is called with mu held.
func (p *publisher) staleNow() string { return cmp.Or(p.suspect, p.halted, p.behind) }

// staleProblem is what status says of it when nothing worse does; nothing of the
// first moments after a start.
func (p *publisher) staleProblem() string {
	if why := p.staleness(); why != "" && why != unheard {
		return staleWords + ": " + why
	}
	return ""
}
