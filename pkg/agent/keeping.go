package agent

import (
	"fmt"
)

// keepingProblem says that the disk does not take what this agent is to keep,
// and what to do; "" when it does. The answers do not depend on it.
func (a *Agent) keepingProblem() string {
	if !a.storeOpen() {
		return ""
	}
	next := "make room on the disk of data_dir, or mount it for writing; the agent goes on by itself"
	if err := a.store.DiskFault(); err != nil {
		return fmt.Sprintf("the disk refuses decisions, so the last one before that is answered, marked stale: %v; next: %s", err, next)
	}
	if err := a.mem.trouble(); err != nil {
		return fmt.Sprintf("the disk does not take the served state, a restart without a leader would answer an older one: %v; next: %s", err, next)
	}
	if err := a.past.trouble(); err != nil {
		return fmt.Sprintf("the history is not kept: %v; next: %s", err, next)
	}
	return ""
}
