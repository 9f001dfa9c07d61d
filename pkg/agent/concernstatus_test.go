package agent

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestConcernsOfAStatus: what a look found stands in the status, the worst first
// and of these the newest, until a look does not find it any more.
func TestConcernsOfAStatus(t *testing.T) {
	d := newCohortDay(t)
	look := func(found ...steer.Concern) {
		d.now = d.now.Add(time.Hour)
		d.do(steer.Command{Kind: steer.KindLook, By: steer.AutomationOwner, Concerns: found})
	}
	drill := steer.Concern{Key: "drill/calgary//", Grade: steer.ConcernWarning, Text: "never practised", Next: "sipsteer drill calgary"}
	ttl := steer.Concern{Key: "ttl///x", Grade: steer.ConcernWarning, Text: "held for long", Next: "dig"}
	disk := steer.Concern{Key: "store///a", Grade: steer.ConcernBroken, Text: "3 % of the disk", Next: "make room"}
	look(drill)
	look(drill, ttl)
	look(drill, disk, ttl)
	got := concerns(d.state, d.now)
	if len(got) != 3 || got[0].Text != disk.Text || got[1].Text != ttl.Text || got[2].Text != drill.Text {
		t.Errorf("%+v", got)
	}
	if !got[2].Since.Equal(d.now.Add(-2*time.Hour)) || got[0].Next != disk.Next {
		t.Errorf("%+v", got)
	}
	d.do(steer.Command{Kind: steer.KindConcernAck, By: "alice", Reason: "ordered", Concerns: []steer.Concern{disk}, For: fleet.Duration(time.Hour)})
	got = concerns(d.state, d.now)
	if len(got) != 3 || got[0].Text != ttl.Text || got[2].Name != "store///a" || got[2].Acked == nil || got[2].Acked.Owner != "alice" {
		t.Errorf("%+v", got)
	}
	if got = concerns(d.state, d.now.Add(time.Hour)); got[0].Text != disk.Text || got[0].Acked != nil {
		t.Errorf("at its end: %+v", got)
	}
	look()
	if got := concerns(d.state, d.now); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
