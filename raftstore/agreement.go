package raftstore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Agreement is what the checkpoints of all members say about this one.
type Agreement struct {
	// Index is the newest checkpoint that could be judged; 0 if none.
	Index uint64 `json:"index"`
	// Differs says that a majority of the voters agrees on something else than
	// this member has. What it decides or shows is not the fleet's.
	Differs bool `json:"differs"`
	// Divided says that voters differ and no majority agrees. Nobody knows
	// whose State is right.
	Divided bool `json:"divided"`
	// Others are the members that differ from the majority, or from this
	// member when there is none.
	Others []fleet.AgentID `json:"others,omitempty"`
	// Text says it in a sentence; "" when all that could be compared agrees.
	Text string `json:"text,omitempty"`
}

// Judge compares this member's checkpoints with the others'. Only voters count
// for the majority. Members that are far behind have no checkpoint in common
// with the rest and are passed over; so are places that too few know.
func Judge(self fleet.AgentID, members []Member, points map[fleet.AgentID][]Checkpoint) Agreement {
	voters := 0
	for _, m := range members {
		if m.Voter {
			voters++
		}
	}
	for _, own := range slices.Backward(points[self]) {
		if a, ok := judgeAt(self, own, members, points, voters/2+1); ok {
			return a
		}
	}
	return Agreement{}
}

// content is what counts of a checkpoint.
type content struct{ chain, state Hash }

// judgeAt judges one place. ok is false when not enough is known of it.
func judgeAt(self fleet.AgentID, own Checkpoint, members []Member, points map[fleet.AgentID][]Checkpoint, majority int) (a Agreement, ok bool) {
	if own.State.IsZero() {
		return a, false
	}
	votes, who := map[content]int{}, map[fleet.AgentID]content{}
	heard := 0
	for _, m := range members {
		i := slices.IndexFunc(points[m.ID], func(c Checkpoint) bool { return c.Index == own.Index && !c.State.IsZero() })
		if i < 0 {
			continue
		}
		c := content{points[m.ID][i].Chain, points[m.ID][i].State}
		who[m.ID] = c
		if m.Voter {
			votes[c]++
			heard++
		}
	}
	if heard < majority {
		return a, false
	}
	mine, best := content{own.Chain, own.State}, bestOf(votes)
	a.Index = own.Index
	agreed := votes[best] >= majority
	if !agreed {
		best = mine
	}
	for _, id := range slices.Sorted(maps.Keys(who)) {
		if id != self && who[id] != best {
			a.Others = append(a.Others, id)
		}
	}
	a.Differs = agreed && best != mine
	a.Divided = !agreed && len(a.Others) > 0
	a.Text = a.sentence(own)
	return a, true
}

// bestOf returns the content with the most votes, the same for everyone who
// counts the same votes.
func bestOf(votes map[content]int) content {
	var best content
	for _, c := range slices.SortedFunc(maps.Keys(votes), func(a, b content) int {
		return cmp.Or(slices.Compare(a.chain[:], b.chain[:]), slices.Compare(a.state[:], b.state[:]))
	}) {
		if votes[c] > votes[best] {
			best = c
		}
	}
	return best
}

func (a Agreement) sentence(own Checkpoint) string {
	names := make([]string, len(a.Others))
	for i, id := range a.Others {
		names[i] = string(id)
	}
	switch {
	case a.Differs:
		return fmt.Sprintf("the state here differs from the majority's at log entry %d (here %s)", a.Index, own.text())
	case a.Divided:
		return fmt.Sprintf("the state here differs from that of %s at log entry %d, and no majority agrees", strings.Join(names, " and "), a.Index)
	case len(names) > 0:
		return fmt.Sprintf("the state of %s differs from the majority's at log entry %d", strings.Join(names, " and "), a.Index)
	}
	return ""
}
