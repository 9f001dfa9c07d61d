package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// TestALateMachineIsShown: with its number, unless something worse is to be said of
// the agent.
func TestALateMachineIsShown(t *testing.T) {
	show := func(ag api.AgentStatus) string {
		var b bytes.Buffer
		writeAgents(&b, palette{}, api.Status{Agents: []api.AgentStatus{ag}})
		return b.String()
	}
	late := &api.LateStatus{NoData: 12, Questions: 90, Window: 75}
	if got := show(api.AgentStatus{Name: "ottawa", Late: late}); !strings.Contains(got, "machine is late: 12 of 90 questions to softswitches in the last 1m15s were no data") {
		t.Error(got)
	}
	if got := show(api.AgentStatus{Name: "ottawa", Late: late, Problem: "not reachable"}); strings.Contains(got, "late") || !strings.Contains(got, "not reachable") {
		t.Error(got)
	}
}
