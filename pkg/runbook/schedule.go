package runbook

import (
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// slack is by how much a drill may begin before its days are over: the last one
// began in the same window, some minutes later.
const slack = 12 * time.Hour

// DueDrill is the drill of the fleet file that should begin now: its window is
// open, its days are over, and no other drill is under way.
func DueDrill(s steer.State, now time.Time) (fleet.Drill, bool) {
	if s.Fleet == nil || slices.ContainsFunc(s.Runs, func(r steer.Run) bool { return r.Live() && r.Book == steer.DrillBook }) {
		return fleet.Drill{}, false
	}
	for _, d := range s.Fleet.Policy.Drills {
		w, err := fleet.ParseWindow(d.When)
		if err != nil || !w.Contains(now) {
			continue
		}
		i := slices.IndexFunc(s.Practice, func(p steer.Practice) bool { return p.Site == d.Site })
		if i < 0 || now.Sub(s.Practice[i].At) >= d.Every()-slack {
			return d, true
		}
	}
	return fleet.Drill{}, false
}
