package raftstore

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
)

// vigil has raft look whether the leader is silent when that matters. By itself it
// looks at random moments, one to two Heartbeats apart, and so misses a leader that
// vanished after up to three of them. Members that miss him together do not split
// the vote: see canvass.
type vigil struct {
	raft    *raft.Raft
	profile Profile
}

// patience is for how long the leader may be silent until raft is asked to look:
// about as long as raft's own looks take on average to find a silence, so that a
// machine that is busy for a moment loses its leader hardly sooner than it did.
func (p Profile) patience() time.Duration { return p.Heartbeat + p.Heartbeat*3/4 }

// run asks raft once for each silence until ctx ends.
func (v *vigil) run(ctx context.Context) {
	var asked time.Time // the contact after which raft was asked to look
	for {
		last := v.raft.LastContact()
		wait := v.profile.patience()
		if v.raft.State() == raft.Follower && !last.IsZero() && last != asked {
			if wait -= time.Since(last); wait <= 0 {
				asked = last
				v.look()
				continue
			}
		}
		due := time.Now().Add(wait)
		if !sleep(ctx, wait) {
			return
		}
		// Who was kept from running was deaf for as long, and hears first what came
		// meanwhile; and the leader's machine may be the same.
		if late := time.Since(due); late > v.profile.Heartbeat/10 && !sleep(ctx, min(late, v.profile.Heartbeat)) {
			return
		}
	}
}

// notice is what look changes for a moment: raft looks when its time-out is lowered.
const notice = time.Microsecond

// look has a follower compare the time of the last contact with its time-out now.
func (v *vigil) look() {
	rc := v.raft.ReloadableConfig()
	rc.HeartbeatTimeout = v.profile.Heartbeat
	if err := v.raft.ReloadConfig(rc); err != nil {
		return // raft's own looks go on
	}
	rc.HeartbeatTimeout = v.profile.Heartbeat + notice
	_ = v.raft.ReloadConfig(rc) // valid, as it was
}
