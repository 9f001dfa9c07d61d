package raftstore

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// leadership runs Config.Lead for each term that this member leads.
//
// Raft announces a leader before its Machine has applied what earlier leaders
// committed. So a Barrier comes first. The announcements may skip a short loss:
// two in a row that say "leader" are two leaderships.
type leadership struct {
	raft   *raft.Raft
	lead   func(ctx context.Context, term uint64)
	wait   time.Duration // for one Barrier
	logger zerolog.Logger
}

// run follows raft's announcements until ctx ends. It returns when Lead has.
func (l *leadership) run(ctx context.Context) {
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case leads := <-l.raft.LeaderCh():
			stop()
			stop = func() {}
			if leads {
				stop = l.start(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// start begins one leadership. The returned function ends it and waits.
func (l *leadership) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		term, ok := l.ready(ctx)
		if !ok || l.lead == nil {
			return
		}
		l.logger.Info().Uint64("term", term).Msg("leading")
		l.lead(ctx, term)
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// ready returns the term once the Machine is up to date in it.
func (l *leadership) ready(ctx context.Context) (uint64, bool) {
	for ctx.Err() == nil {
		before, leads := leaderTerm(l.raft)
		if !leads {
			return 0, false // the loss is about to be announced
		}
		err := l.raft.Barrier(l.wait).Error()
		term, leads := leaderTerm(l.raft)
		if err == nil && leads && term == before {
			return term, true
		}
		if err != nil {
			l.logger.Debug().Err(err).Uint64("term", before).Msg("barrier of a new leader failed")
		}
		if !sleep(ctx, 5*time.Millisecond) {
			return 0, false
		}
	}
	return 0, false
}
