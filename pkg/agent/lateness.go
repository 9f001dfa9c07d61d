package agent

import "github.com/sipsteer/sipsteer/pkg/api"

const (
	// lateLeast questions without data are needed to speak of a late machine, and
	lateLeast = 3
	// latePart of all, in a hundred: any machine may hiccup.
	latePart = 5
)

// late tells how late this machine was with its own questions, when that is worth
// a word; nil when it is not.
func (a *Agent) late() *api.LateStatus {
	a.runnerMu.Lock()
	runner := a.runner
	a.runnerMu.Unlock()
	if runner == nil {
		return nil
	}
	l := runner.Stats().Late
	if l.NoData < lateLeast || l.NoData*100 < l.Questions*latePart {
		return nil
	}
	return &api.LateStatus{NoData: l.NoData, Questions: l.Questions, Window: l.Window.Seconds()}
}
