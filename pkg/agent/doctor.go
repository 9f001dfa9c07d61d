package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

// Urgencies, most urgent first.
const (
	urgentNow  = "now"  // something does not work, or is about to be lost
	urgentSoon = "soon" // within days
	urgentNote = "note"
)

// Limits from which on something is wrong.
const (
	diskLow      = 0.15 // of the disk free
	diskVeryLow  = 0.05
	identityLow  = 20 * 24 * time.Hour
	identityEnds = 7 * 24 * time.Hour
	slowWrite    = 100 * time.Millisecond
	lagging      = 1000 // entries behind what is committed
)

// Store implements api.Backend.
func (a *Agent) Store(context.Context) (api.StoreStatus, error) {
	st := a.store.Status()
	out := api.StoreStatus{
		Agent: string(st.ID), Role: string(st.Role), Leader: string(st.Leader), Quorum: st.Quorum && st.Leader != "", Term: st.Term,
		Voters: voters(st.Members), Members: len(st.Members), Last: st.Last, Commit: st.Commit, Applied: st.Applied,
		Contact: st.Contact.Seconds(), WriteP99: st.Write.P99.Seconds(), ApplyP99: st.Apply.P99.Seconds(),
		SnapshotIndex: st.SnapshotIndex, SnapshotTaken: st.SnapshotTaken, DiskError: st.DiskError,
		Suspect: a.pub.frozen(), Stale: a.pub.staleness(), Damaged: append(append([]string{}, st.Damaged...), a.past.archive.Damaged()...),
	}
	to, trip := a.trips.longest(st.Members)
	out.Profile, out.RoundTripTo, out.RoundTrip = st.Profile, string(to), trip.Seconds()
	if st.Contact < 0 {
		out.Contact = -1
	}
	if err := a.store.Err(); err != nil {
		out.Halted, out.HaltedNext = a.stopped(err), wayOut(err)
	}
	out.DiskFree, out.DiskSize = diskSpace(a.cfg.Dir)
	if a.delayed != nil {
		out.DelayedFile, out.DelayedAt, out.DelayedProblem = a.delayed.status()
		out.DelayedPractice = a.delayed.practised()
	}
	if a.cfg.Identity != nil {
		out.IdentityUntil = a.cfg.Identity.Self().Until
	}
	out.Audit, out.Late, out.Left = a.auditTargets(), a.late(), hasLeft(a.machine.Registry(), string(a.cfg.Name))
	out.Findings = findings(out, time.Now())
	return out, nil
}

// hasLeft reports whether an agent was taken out of the fleet, as far as is known here.
// One that is not registered yet was not.
func hasLeft(r pki.Registry, name string) bool {
	return agentNamed(r, name) == nil && slices.ContainsFunc(r.Revoked, func(x pki.Revoked) bool { return x.Agent == name })
}

// diskSpace returns zeros where it cannot be known.
func diskSpace(dir string) (free, size uint64) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize)
}

// findings says what is wrong, most urgent first.
func findings(s api.StoreStatus, now time.Time) []api.Finding {
	f := []api.Finding{}
	add := func(urgency, next, format string, args ...any) {
		f = append(f, api.Finding{Urgency: urgency, Text: fmt.Sprintf(format, args...), Next: next})
	}
	if s.Halted != "" {
		add(urgentNow, s.HaltedNext, "%s", s.Halted)
	}
	if s.Suspect != "" {
		add(urgentNow, "sipsteer history --verify, then restart the agents that differ", "%s", s.Suspect)
	}
	if s.DiskError != "" {
		add(urgentNow, "make room, or replace the disk; the agent goes on by itself", "the disk refuses writes: %s", s.DiskError)
	}
	switch {
	case s.Left: // the fleet goes on without it, and it must not be recovered alone
		add(urgentNow, "stop it; to take it in again: sipsteer agent invite "+s.Agent+", then sipsteer agent join", "%s has left the fleet: it answers what it knew then, and nobody hears it", s.Agent)
	case !s.Quorum:
		add(urgentNow, "start or reconnect agents until a majority of the voters is up; if they are lost for good: sipsteer agent recover --help", "no quorum: nothing can be changed, answers go on")
	}
	if s.Stale != "" && s.Stale != unheard {
		add(urgentNote, "mend what is named before this; the mark goes by itself", "%s: %s", staleWords, s.Stale)
	}
	diskFindings(s, add)
	if left := s.IdentityUntil.Sub(now); !s.IdentityUntil.IsZero() && left < identityLow {
		urgency := urgentSoon
		if left < identityEnds {
			urgency = urgentNow
		}
		add(urgency, "look for \"cannot renew\" in this agent's log", "this agent's certificate ends in %s and was not renewed", left.Round(time.Hour))
	}
	tripFinding(s, add)
	if s.Late != nil {
		add(urgentSoon, api.LateNext, "%s", s.Late.Sentence())
	}
	if s.Commit > s.Applied+lagging {
		add(urgentSoon, "look at this machine's load", "this agent is %d entries behind", s.Commit-s.Applied)
	}
	for _, d := range s.Damaged {
		add(urgentSoon, "look at the disk (smartctl); the contents came from other copies", "%s was damaged and set aside", d)
	}
	if s.DelayedProblem != "" {
		add(urgentSoon, "look at the directory delayed in data_dir", "the delayed copy is not kept: %s", s.DelayedProblem)
	}
	if p := s.DelayedPractice; p != nil && p.Problem != "" {
		add(urgentSoon, "sipsteer restore --verify "+p.File, "the delayed copy could not be restored for practice: %s", p.Problem)
	}
	for _, t := range s.Audit {
		if t.Problem != "" {
			add(urgentSoon, "look at the receiver; the trail is kept here and sent when it answers", "the audit trail is not taken by %s since %s, %d records wait: %s", t.To, t.Since.UTC().Format(time.RFC3339), t.Waiting, t.Problem)
		}
	}
	switch {
	case s.Quorum && s.Voters < 3:
		add(urgentNote, "sipsteer agent invite NAME", "%d of the agents vote: the loss of one stops changes", s.Voters)
	case s.Quorum && s.Voters%2 == 0:
		add(urgentNote, "sipsteer agent invite NAME, or sipsteer agent demote NAME", "%d agents vote: an even number is no safer than one less", s.Voters)
	}
	slices.SortStableFunc(f, func(a, b api.Finding) int {
		order := []string{urgentNow, urgentSoon, urgentNote}
		return slices.Index(order, a.Urgency) - slices.Index(order, b.Urgency)
	})
	return f
}

func diskFindings(s api.StoreStatus, add func(urgency, next, format string, args ...any)) {
	if free := float64(s.DiskFree) / float64(max(s.DiskSize, 1)); s.DiskSize > 0 && free < diskLow {
		urgency := urgentSoon
		if free < diskVeryLow {
			urgency = urgentNow
		}
		add(urgency, "make room on the disk of data_dir", "%.0f %% of the disk is free; without room this agent cannot keep decisions", 100*free)
	}
	if s.WriteP99 > slowWrite.Seconds() {
		add(urgentSoon, "find what else writes to this disk", "one in a hundred writes takes %.0f ms; decisions wait for it", 1000*s.WriteP99)
	}
}
