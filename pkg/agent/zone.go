package agent

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/config"
)

// offset is what the clock of the policy's time zone is ahead of UTC, in
// seconds; 0 without one. The leader looks it up and stamps it on the command,
// so that machines with other zone rules come to the same State.
func (a *Agent) offset(at time.Time) int {
	f := a.machine.State().Fleet
	if f == nil || !f.Policy.Failback.Timed() {
		return 0
	}
	zone, err := config.TimeZone(f.Policy.Failback.Zone())
	if err != nil {
		a.log.Error().Err(err).Msg("failback windows are taken by UTC")
		return 0
	}
	_, seconds := at.In(zone).Zone()
	return seconds
}
