package api

import (
	"fmt"
	"time"
)

// LateStatus is how late an agent's machine was with its own questions: their time
// ran out while it did something else, so they say nothing of softswitches.
type LateStatus struct {
	NoData    int     `json:"no_data" doc:"Questions that were lost by that."`
	Questions int     `json:"questions" doc:"All of the window."`
	Window    float64 `json:"window_seconds"`
}

// LateNext is what to do about it.
const LateNext = "find what takes this machine's processors (top), or give the agent a greater share of them (nice, CPUQuota)"

// Sentence tells people.
func (l LateStatus) Sentence() string {
	window := time.Duration(l.Window * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("this agent's machine is late: %d of %d questions to softswitches in the last %s were no data", l.NoData, l.Questions, window)
}
