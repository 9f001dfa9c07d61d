package raftstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Store is this member's replica, and its voice in the fleet's decisions. Its
// methods may be called from any goroutine, except from within the Machine.
type Store struct {
	cfg       Config
	logger    zerolog.Logger
	raft      *raft.Raft
	transport *generations
	network   *network
	replica   *replica
	disk      *disk

	cancel     context.CancelFunc // ends the store's own goroutines
	background sync.WaitGroup     // them
	pending    atomic.Int64       // proposals whose fate is not known yet

	closeOnce sync.Once
	closeErr  error
	stopping  chan struct{} // closed when Close or a halt begins
	stopOnce  sync.Once
	halted    chan struct{} // closed by the first halt
	done      chan struct{} // closed when everything has stopped

	mu sync.Mutex
	// guarded by mu:
	haltErr error
}

// Open opens, or makes, this member's store and joins the others. It returns
// once the state on disk is restored; there may be no leader yet.
//
// It fails with ErrInUse or ErrForeignDir when the directory is not this
// member's to use, and with ErrRefused (and ErrDamaged or ErrDisk, if it is that)
// when it cannot be gone on with; nothing was changed then. DESIGN.md says how to
// replace a damaged one.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg:      cfg,
		logger:   cfg.Logger.With().Str("agent", string(cfg.ID)).Logger(),
		stopping: make(chan struct{}),
		halted:   make(chan struct{}),
		done:     make(chan struct{}),
	}
	cfg.Logger = s.logger
	if s.network, err = newNetwork(cfg); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if s.disk, err = openDisk(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", refusal(err)), s.network.Close())
	}
	if err := s.start(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", refusal(err)), s.network.Close(), s.disk.close())
	}
	return s, nil
}

// start wires raft to what was opened, and starts it.
func (s *Store) start(cfg Config) error {
	rc := cfg.raftConfig()
	s.replica = newReplica(cfg.Machine)
	s.replica.halt, s.replica.mark = s.halt, s.disk.committed
	s.disk.journal.halt = s.halt
	logs, err := raft.NewLogCache(1024, s.disk.journal)
	if err != nil {
		return fmt.Errorf("make log cache: %w", err)
	}
	var running atomic.Pointer[raft.Raft]
	wire := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  s.network,
		MaxPool: 4, // heartbeat, push, vote, and one to spare, for each peer
		Timeout: cfg.Profile.IO,
		// The library's default of 2 can wedge for good: a leader that is deposed
		// while it waits for room in its pipeline waits for a reader that has
		// left, and its shutdown with it. With room, it never waits. Over a long
		// line more messages under way are also more commits a second.
		MaxRPCsInFlight: 64,
		Logger:          rc.Logger,
	})
	kept, _ := s.disk.journal.GetUint64([]byte(keyCurrentTerm)) // raft looks for what is wrong with it
	s.transport = newGenerations(wire, rc.LocalID, func() uint64 {
		if r := running.Load(); r != nil {
			return r.CurrentTerm()
		}
		return kept
	}, s.logger)
	known, err := raft.HasExistingState(logs, s.disk.journal, s.disk.snapshots)
	if err != nil {
		return errors.Join(fmt.Errorf("look for state: %w", err), s.transport.Close())
	}
	founder, err := s.disk.founder(cfg.Dir, cfg.Members)
	if err != nil {
		return errors.Join(err, s.transport.Close())
	}
	if !founder {
		cfg.Members = nil
	}
	s.disk.journal.mayVote = mayVote(cfg.ID, founder, &running)
	if err := s.disk.found(known, sorted(cfg.Members)); err != nil {
		return errors.Join(fmt.Errorf("write first configuration: %w", err), s.transport.Close())
	}
	p := s.newPusher(cfg)
	if !cfg.NoPush {
		s.replica.committed = p.committed
	}
	hungUp := make(chan struct{}, 1)
	s.network.setHungUp(func() { notify(hungUp) })
	if s.raft, err = raft.NewRaft(rc, s.replica, logs, s.disk.journal, s.disk.snapshots, s.transport); err != nil {
		return errors.Join(fmt.Errorf("start raft: %w", errors.Join(err, s.replica.unreadable)), s.transport.Close())
	}
	running.Store(s.raft)
	ctx, cancel := context.WithCancel(context.Background()) // ended by shut
	s.cancel = cancel
	p.raft = s.raft
	l := &leadership{raft: s.raft, lead: cfg.Lead, wait: cfg.Profile.IO, logger: s.logger}
	n := &succession{
		raft: s.raft, transport: s.transport, network: s.network,
		self: rc.LocalID, profile: cfg.Profile, wake: hungUp,
	}
	s.transport.start()
	s.background.Go(func() { p.run(ctx) })
	s.background.Go(func() { l.run(ctx) })
	s.background.Go(func() { n.run(ctx) })
	v := &vigil{raft: s.raft, profile: cfg.Profile}
	s.background.Go(func() { v.run(ctx) })
	s.background.Go(func() { s.markCheckpoints(ctx) })
	if s.disk.journal.mark != nil && cfg.LogRoom > 0 {
		r := &room{journal: s.disk.journal, want: cfg.LogRoom, logger: s.logger}
		s.background.Go(func() { r.keep(ctx) })
	}
	go s.watch() // ends when the store has stopped, however that comes about
	s.replay()
	return nil
}

// newPusher returns the commit push, which lacks raft still.
func (s *Store) newPusher(cfg Config) *pusher {
	return &pusher{
		transport: s.transport,
		self:      raft.ServerID(cfg.ID),
		address:   s.network.advertise,
		retryFor:  cfg.Profile.Commit,
		pause:     cfg.Profile.Heartbeat,
		wake:      make(chan struct{}, 1),
	}
}

// mayVote returns the rule by which this member gives its vote. One that waits
// to be added knows nothing of the past: its vote could elect a leader that
// lacks committed entries. It votes once its own log says that it is a voter.
func mayVote(self fleet.AgentID, founder bool, running *atomic.Pointer[raft.Raft]) func() bool {
	return func() bool {
		if founder {
			return true
		}
		r := running.Load()
		return r != nil && slices.ContainsFunc(membersOf(r.GetConfiguration().Configuration()), func(m Member) bool {
			return m.ID == self && m.Voter
		})
	}
}

// halt takes this member out for good, at once: what it holds or was told must
// not be served or spread. It does not wait, so raft may call it.
func (s *Store) halt(err error) {
	s.mu.Lock()
	first := s.haltErr == nil
	if first {
		s.haltErr = err
	}
	s.mu.Unlock()
	if !first {
		return
	}
	// In this order: nothing may leave that was read after the damage.
	if cerr := s.transport.Close(); cerr != nil {
		s.logger.Debug().Err(cerr).Msg("connections closed with an error")
	}
	s.disk.journal.halted.Store(true)
	s.logger.Error().Err(err).Msg("store halted")
	close(s.halted)
}

// watch stops the store after a halt.
func (s *Store) watch() {
	select {
	case <-s.halted:
		s.shut(context.Background(), false)
	case <-s.done:
	}
}

// Done is closed when the store has stopped, by itself or by Close.
func (s *Store) Done() <-chan struct{} { return s.done }

// Err says why the store stopped by itself, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.haltErr
}

// Close hands leadership over if it is held here, stops the store and closes
// its files. It may be called more than once. The context bounds the hand-over,
// not the closing of files.
func (s *Store) Close(ctx context.Context) error {
	s.shut(ctx, true)
	return s.closeErr
}

// Abort stops the store without handing leadership over, as a crash would; the
// others find out by themselves.
func (s *Store) Abort() error {
	s.shut(context.Background(), false)
	return s.closeErr
}

// shut stops everything once; later calls wait for the first.
func (s *Store) shut(ctx context.Context, handOver bool) {
	s.closeOnce.Do(func() {
		defer close(s.done)
		s.stopOnce.Do(func() { close(s.stopping) })
		if handOver && s.raft.State() == raft.Leader {
			if err := s.transferLeadership(ctx); err != nil {
				s.logger.Debug().Err(err).Msg("leadership not handed over")
			}
		}
		// Ours first: a Barrier that raft never answers would keep Lead's
		// goroutine, and proposals that it has committed deserve their result.
		var err error
		if !handOver {
			err = s.transport.Close()
		}
		s.cancel()
		s.background.Wait()
		s.settle(ctx)
		stopped := s.raft.Shutdown()
		err = errors.Join(err, s.transport.Close()) // frees raft from peers that do not answer
		s.transport.work.Wait()
		s.closeErr = errors.Join(stopped.Error(), err, s.disk.close())
		s.replica.ledger.sums.Wait()
	})
}

// settle waits a moment for proposals under way.
func (s *Store) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Profile.Election)
	defer cancel()
	for s.pending.Load() > 0 && sleep(ctx, time.Millisecond) {
	}
}

// Leader returns who leads as far as this member knows, and where; both are ""
// when it knows of none.
func (s *Store) Leader() (fleet.AgentID, string) {
	addr, id := s.raft.LeaderWithID()
	return fleet.AgentID(id), string(addr)
}

// Leads reports whether this member leads, and in which term. It may have been
// overruled a moment ago: what it proposes then is refused.
func (s *Store) Leads() (term uint64, leads bool) { return leaderTerm(s.raft) }

// HasQuorum reports whether this member had word of a majority within the
// lease: as the leader, from that majority; as a follower, from the leader. It
// does not ask anyone.
func (s *Store) HasQuorum() bool {
	if _, leads := leaderTerm(s.raft); leads {
		return true // raft gives leadership up when the lease runs out
	}
	leader, _ := s.Leader()
	return leader != "" && time.Since(s.raft.LastContact()) <= s.cfg.Profile.Heartbeat
}

// Wait returns when the entry at index has been applied here, or with an error
// when ctx ends or the store stops.
func (s *Store) Wait(ctx context.Context, index uint64) error {
	return s.replica.wait(ctx, s.done, index)
}

// Applied returns the index of the last entry that the Machine has applied.
func (s *Store) Applied() uint64 { return s.replica.index() }

// Snapshot takes a snapshot now, if anything was applied since the last one.
func (s *Store) Snapshot(ctx context.Context) error {
	err := s.await(ctx, func() raft.Future { return s.raft.Snapshot() })
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	return nil
}
