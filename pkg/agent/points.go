package agent

// points tells a test how far a decision has come: it is Config.Reached.
type points func(point string)

// at is called where a death of the process is most awkward.
func (p points) at(point string) {
	if p != nil {
		p(point)
	}
}

// The points, in the order in which a decision comes by.
const (
	pointApplied  = "decision applied, not answered"
	pointAnswered = "decision answered, gate not told"
	pointGateTold = "gate told, decision not kept"
	pointKeptHalf = "served state written, not in its place"
	pointKept     = "served state in its place, tables of before not removed"
	pointLogged   = "decision in the history, not synced"
)
