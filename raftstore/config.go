package raftstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/logging"
)

// Member is one agent that holds a replica.
type Member struct {
	ID fleet.AgentID `json:"id"`
	// Address is where the other members reach it: host:port.
	Address string `json:"address"`
	// Voter says that it counts for elections and commits. A non-voter gets
	// every entry and answers from it.
	Voter bool `json:"voter"`
}

// Config says how to open a Store.
type Config struct {
	// ID names this member. It must never change and never be used twice: two
	// members with one ID can split the fleet.
	ID fleet.AgentID
	// Cluster names the fleet that Dir belongs to, or is "". A Dir that was
	// made for another name is refused.
	Cluster string
	// Dir holds log, snapshots and identity. It needs a disk that keeps its
	// word about fsync. Made if missing.
	Dir string
	// Memory is used in place of Dir in tests and simulations: nothing
	// survives the process.
	Memory *Memory
	// Listen is the address to listen on for other members.
	Listen string
	// Listener is used in place of Listen when it is not nil: a TLS listener,
	// or one on port 0. The Store closes it.
	Listener net.Listener
	// Advertise is the address that other members dial. Default: the address
	// of the listener.
	Advertise string
	// Dial connects to a member, this one included. Default: plain TCP.
	// Whoever wants TLS or faults on the way puts it here. The error of a
	// refused connection must wrap syscall.ECONNREFUSED, as that of net does:
	// a dead leader is known by it.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Members is the first configuration, the same on every member. It is used
	// only when Dir holds no state yet. Empty: this member waits until a leader
	// adds it, and gives no vote before that.
	Members []Member
	// Profile holds the timings. Default: LAN.
	Profile Profile
	// Machine is the state machine.
	Machine Machine
	// Logger gets the store's and raft's lines.
	Logger zerolog.Logger
	// Lead, if set, is run in a goroutine of its own each time this member has
	// become leader and its Machine has applied everything that was committed
	// before. The context ends when leadership is lost or the Store stops; the
	// Store waits for Lead to return before it runs it again, and before it
	// has stopped; so Lead must not call Close.
	Lead func(ctx context.Context, term uint64)
	// MaxEntry is the largest entry in octets. Default 1 MiB: larger ones hold
	// up everything behind them.
	MaxEntry int
	// SnapshotThreshold is the number of entries after which a snapshot is
	// taken. Default 8192. A low value costs writes, a high one start-up time.
	SnapshotThreshold uint64
	// SnapshotInterval is how often that is looked at. Default 30 s.
	SnapshotInterval time.Duration
	// TrailingLogs is the number of entries kept behind the newest snapshot,
	// so that a member that was away a short time needs no snapshot. Default
	// 10240: at a few hundred octets an entry, some megabytes.
	TrailingLogs uint64
	// LogRoom is how many octets of the log's file are written ahead of the log. A
	// commit that gives its file a new block waits for the file system's journal
	// too. Default 4 MiB: some thousand entries, refilled when half of it is used.
	// Negative: none.
	LogRoom int64
	// CheckpointInterval is how often the members compare their states. Default
	// 10 s: damage is seen that late. Nothing is written while nothing happens.
	CheckpointInterval time.Duration
	// Reached, if set, is told of places in the middle of writes, before the next
	// step is taken. Tests end the process there. Nil in the program.
	Reached func(point string)
	// NoPush switches the commit push off, to measure what it gains.
	NoPush bool
}

// Defaults of Config.
const (
	defaultMaxEntry          = 1 << 20
	defaultSnapshotThreshold = 8192
	defaultSnapshotInterval  = 30 * time.Second
	defaultTrailingLogs      = 10240
	defaultCheckpoints       = 10 * time.Second
	defaultLogRoom           = 4 << 20
)

// withDefaults returns the configuration with its gaps filled, or says what is
// wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.ID == "" {
		return c, errors.New("configure store: no ID")
	}
	if c.Machine == nil {
		return c, errors.New("configure store: no Machine")
	}
	if (c.Dir == "") == (c.Memory == nil) {
		return c, errors.New("configure store: need either Dir or Memory")
	}
	if c.Listen == "" && c.Listener == nil {
		return c, errors.New("configure store: need Listen or Listener")
	}
	if c.Profile == (Profile{}) {
		c.Profile = LAN()
	}
	if err := c.Profile.validate(); err != nil {
		return c, fmt.Errorf("configure store: %w", err)
	}
	if err := validateMembers(c.ID, c.Members); err != nil {
		return c, fmt.Errorf("configure store: %w", err)
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
	setDefault(&c.MaxEntry, defaultMaxEntry)
	setDefault(&c.SnapshotThreshold, defaultSnapshotThreshold)
	setDefault(&c.SnapshotInterval, defaultSnapshotInterval)
	setDefault(&c.TrailingLogs, defaultTrailingLogs)
	setDefault(&c.CheckpointInterval, defaultCheckpoints)
	setDefault(&c.LogRoom, defaultLogRoom)
	return c, nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// validateMembers checks the first configuration.
func validateMembers(self fleet.AgentID, members []Member) error {
	if len(members) == 0 {
		return nil
	}
	ids, addresses := map[fleet.AgentID]bool{}, map[string]bool{}
	voters := 0
	for _, m := range members {
		if m.ID == "" || m.Address == "" {
			return fmt.Errorf("member %q at %q: need both ID and address", m.ID, m.Address)
		}
		if ids[m.ID] || addresses[m.Address] {
			return fmt.Errorf("member %q at %q: named twice", m.ID, m.Address)
		}
		ids[m.ID], addresses[m.Address] = true, true
		if m.Voter {
			voters++
		}
	}
	if voters == 0 {
		return errors.New("members: no voter")
	}
	if !ids[self] {
		return fmt.Errorf("members: %q, which is this agent, is not among them", self)
	}
	return nil
}

// raftConfig translates for the library.
func (c Config) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	c.Profile.into(rc)
	rc.LocalID = raft.ServerID(c.ID)
	rc.Logger = logging.HCLog(c.Logger).Named("raft")
	rc.SnapshotThreshold = c.SnapshotThreshold
	rc.SnapshotInterval = c.SnapshotInterval
	rc.TrailingLogs = c.TrailingLogs
	rc.MaxAppendEntries = 256
	rc.NoLegacyTelemetry = true
	// A removed member keeps answering from its last state; the agent decides
	// when to stop.
	rc.ShutdownOnRemove = false
	return rc
}

// serverConfiguration translates the members for the library.
func serverConfiguration(members []Member) raft.Configuration {
	var rc raft.Configuration
	for _, m := range members {
		s := raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Address), Suffrage: raft.Nonvoter}
		if m.Voter {
			s.Suffrage = raft.Voter
		}
		rc.Servers = append(rc.Servers, s)
	}
	return rc
}

// membersOf translates back.
func membersOf(rc raft.Configuration) []Member {
	members := make([]Member, 0, len(rc.Servers))
	for _, s := range rc.Servers {
		members = append(members, Member{ID: fleet.AgentID(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return members
}
