package agent

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore"
)

func TestTripsTakeTheShortestOfTheFarthestVoter(t *testing.T) {
	members := []raftstore.Member{{ID: "near", Voter: true}, {ID: "far", Voter: true}, {ID: "moon"}}
	var ts trips
	if to, _ := ts.longest(members); to != "" {
		t.Errorf("nothing was measured, and %s is far", to)
	}
	for i := range tripSamples {
		busy := time.Duration(i) * time.Second // all but the first were held up
		ts.note("near", 2*time.Millisecond+busy)
		ts.note("far", 40*time.Millisecond+busy)
		ts.note("moon", 2*time.Second+busy)
		if to, _ := ts.longest(members); i < tripSamples-1 && to != "" {
			t.Errorf("judged after %d exchanges", i+1)
		}
	}
	if to, trip := ts.longest(members); to != "far" || trip != 40*time.Millisecond {
		t.Errorf("%s at %s", to, trip)
	}
	ts.note("far", time.Second) // the oldest, and shortest, is forgotten
	if to, trip := ts.longest(members); to != "far" || trip != time.Second {
		t.Errorf("%s at %s, the line has become longer", to, trip)
	}
}
