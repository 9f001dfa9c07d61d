package raftstore_test

import (
	"os"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// Time is virtual here, so these bounds are exact and hold on any machine.

func TestDeadProcessIsSucceededBeforeTheTimeout(t *testing.T) {
	for _, tc := range []struct {
		profile   raftstore.Profile
		roundTrip time.Duration
		within    time.Duration
	}{
		{raftstore.LAN(), 2 * time.Millisecond, raftstore.LAN().Heartbeat},
		// Two round trips to be sure, two for the votes, one for the commit, and
		// as much again when the second in the line has to stand.
		{raftstore.WAN(), 80 * time.Millisecond, 2 * time.Second},
	} {
		t.Run(tc.profile.Name, func(t *testing.T) {
			var worst time.Duration
			for range 20 {
				bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
					c.Profile = tc.profile
					c.Net.SetDelay(tc.roundTrip / 2)
					c.Start()
					c.Propose("a")
					time.Sleep(time.Second) // all know whom they follow
					c.Crash(c.Leader())
					start := time.Now()
					c.Propose("b")
					worst = max(worst, time.Since(start))
				})
			}
			t.Logf("%s: killed leader to next commit, virtual: worst %s of 20", tc.profile.Name, worst)
			if worst >= tc.within {
				t.Errorf("took %s, not less than %s", worst, tc.within)
			}
		})
	}
}

func TestLostConnectionsAloneDeposeNobody(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
		c.Net.SetDelay(time.Millisecond)
		c.Start()
		res := c.Propose("a")
		for range 20 {
			c.Net.Reset()
			time.Sleep(300 * time.Millisecond)
		}
		if now := c.Propose("b"); now.Term != res.Term {
			t.Errorf("term went from %d to %d", res.Term, now.Term)
		}
	})
}

// A leader that is gone without a word is missed by all at about the same moment,
// whose votes must not be split: none of many elections may take long.
func TestVanishedLeaderIsMissed(t *testing.T) {
	for _, tc := range []struct {
		profile raftstore.Profile
		within  time.Duration
	}{{raftstore.LAN(), 250 * time.Millisecond}, {raftstore.WAN(), 2 * time.Second}} {
		p := tc.profile
		t.Run(p.Name, func(t *testing.T) {
			var worst, sum time.Duration
			for range raftstore.VanishRuns {
				bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
					c.Profile = p
					c.Net.SetDelay(p.RoundTrip / 2 * 8 / 10) // 80 ms round trip in the WAN
					c.Start()
					c.Propose("a")
					time.Sleep(time.Second)
					old := c.Leader()
					rest := others(c, old)
					c.Net.Isolate(old.Address, addresses(rest)...)
					start := time.Now()
					for {
						if _, err := c.Leader(rest...).Store.Propose(t.Context(), []byte("b")); err == nil {
							break
						}
						time.Sleep(time.Millisecond) // or time would stand still
					}
					took := time.Since(start)
					worst, sum = max(worst, took), sum+took
				})
			}
			t.Logf("%s: vanished leader to next commit, virtual: mean %s, worst %s of %d", p.Name, sum/raftstore.VanishRuns, worst, raftstore.VanishRuns)
			if worst > tc.within {
				t.Errorf("the worst took %s, not at most %s", worst, tc.within)
			}
		})
	}
}

// calm is how long TestNoFalseElection looks on: RAFTSTORE_CALM=168h is a week.
func calm(t *testing.T) time.Duration {
	text := os.Getenv("RAFTSTORE_CALM")
	if text == "" {
		return raftstore.CalmMinutes * time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestNoFalseElection lets a leader lead for a long virtual time on a network
// that loses one segment in a hundred.
func TestNoFalseElection(t *testing.T) {
	for _, p := range []raftstore.Profile{raftstore.LAN(), raftstore.WAN()} {
		t.Run(p.Name, func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, c *raftstoretest.Cluster) {
				c.Configure = func(_ *raftstoretest.Node, cfg *raftstore.Config) { cfg.Profile = p }
				c.Start()
				c.Net.SetDelay(p.RoundTrip / 2 * 8 / 10)
				first := c.Propose("a")
				c.Net.SetLoss(0.01, 2*p.RoundTrip)
				time.Sleep(calm(t))
				if last := c.Propose("b"); last.Term != first.Term {
					t.Errorf("term went from %d to %d", first.Term, last.Term)
				}
			})
		})
	}
}
