package raftstore

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// Generation is how much a new cluster adds to the term of the one that it takes
// the place of (Seed.Term): more than a cluster elects leaders in its life. Members
// of the one that was given up are known by it.
const Generation = 1 << 20

func generation(term uint64) uint64 { return term / Generation }

// errGivenUp is what a member of a cluster that was given up is told.
var errGivenUp = errors.New("this cluster was given up: a newer one has taken its place, and will take you in")

// generations is raft's transport, deaf to members of a cluster that was given up,
// when this one has begun in its place (Plant). Those that come back with their
// old stores may be a majority of the old cluster. Raft would tell them its term,
// they would elect a leader in a higher one, and this member would follow him and
// refuse for ever what its log lacks. As it is they hear nothing until a leader of
// the new cluster adds them, whose term and log are ahead of all that they have.
//
// Within one generation nothing is kept from raft: a member may hear of its leader
// before it hears that he was added.
type generations struct {
	*raft.NetworkTransport
	term   func() uint64
	logger zerolog.Logger
	calls  chan raft.RPC
	done   chan struct{}
	end    sync.Once
	work   sync.WaitGroup // ends after Close
	asks   *canvass

	mu sync.Mutex
	// guarded by mu:
	told map[string]bool // whom the log names already
}

func newGenerations(t *raft.NetworkTransport, self raft.ServerID, term func() uint64, logger zerolog.Logger) *generations {
	return &generations{NetworkTransport: t, term: term, logger: logger, asks: newCanvass(self), calls: make(chan raft.RPC), done: make(chan struct{}), told: map[string]bool{}}
}

// Consumer implements raft.Transport.
func (g *generations) Consumer() <-chan raft.RPC { return g.calls }

// SetHeartbeatHandler implements raft.Transport.
func (g *generations) SetHeartbeatHandler(handle func(raft.RPC)) {
	if handle == nil {
		g.NetworkTransport.SetHeartbeatHandler(nil)
		return
	}
	g.NetworkTransport.SetHeartbeatHandler(func(rpc raft.RPC) {
		if g.hears(rpc) {
			handle(rpc)
		}
	})
}

// start begins to hand on what raft is to hear. It ends with Close.
func (g *generations) start() { g.work.Go(g.run) }

func (g *generations) run() {
	for {
		select {
		case rpc := <-g.NetworkTransport.Consumer():
			if !g.hears(rpc) || g.refused(rpc) {
				continue
			}
			select {
			case g.calls <- rpc:
			case <-g.done:
				return
			}
		case <-g.done:
			return
		}
	}
}

// Close implements raft.WithClose.
func (g *generations) Close() error {
	g.end.Do(func() { close(g.done) })
	return g.NetworkTransport.Close()
}

// RequestPreVote implements raft.WithPreVote.
func (g *generations) RequestPreVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	defer g.asks.begin(id, req)()
	return g.NetworkTransport.RequestPreVote(id, to, req, resp)
}

// refused answers a request for a pre-vote that crosses one of ours.
func (g *generations) refused(rpc raft.RPC) bool {
	req, ok := rpc.Command.(*raft.RequestPreVoteRequest)
	if !ok || !g.asks.crossed(req) {
		return false
	}
	rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}, Term: g.term()}, nil)
	return true
}

// hears reports whether raft is to hear a call, and answers it if not: with no
// term, which raft's answers have.
func (g *generations) hears(rpc raft.RPC) bool {
	term, known := termOf(rpc.Command)
	own := g.term()
	if !known || generation(term) >= generation(own) {
		return true
	}
	if rpc.Reader != nil { // a snapshot, on a connection that goes on behind it
		_, _ = io.Copy(io.Discard, rpc.Reader) // its error shows at the connection
	}
	rpc.Respond(nil, errGivenUp)
	g.tell(rpc.Command, term, own)
	return false
}

// tell logs each such member once.
func (g *generations) tell(command any, term, own uint64) {
	name := "?"
	if h, ok := command.(raft.WithRPCHeader); ok {
		name = string(h.GetRPCHeader().ID)
	}
	g.mu.Lock()
	before := g.told[name]
	g.told[name] = true
	g.mu.Unlock()
	if !before {
		g.logger.Warn().Str("member", name).Uint64("its_term", term).Uint64("term", own).
			Msg(fmt.Sprintf("not heard: member %q came back with the store of the cluster that was given up; the leader takes it in", name))
	}
}

// termOf returns the sender's term; false for a call that has none.
func termOf(command any) (uint64, bool) {
	switch c := command.(type) {
	case *raft.AppendEntriesRequest:
		return c.Term, true
	case *raft.RequestVoteRequest:
		return c.Term, true
	case *raft.RequestPreVoteRequest:
		return c.Term, true
	case *raft.InstallSnapshotRequest:
		return c.Term, true
	}
	return 0, false
}
