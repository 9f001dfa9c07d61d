package config

// History says how long this agent keeps the past for show, diff and rollback.
type History struct {
	// Days is how old an epoch may become. Default 90.
	Days int `yaml:"days,omitempty" json:"days,omitempty" jsonschema:"minimum=1,maximum=3650" jsonschema_description:"How old an epoch may become before it is forgotten. Default 90."`
	// Megabytes is how much disk the past may take. Default 256.
	Megabytes int `yaml:"megabytes,omitempty" json:"megabytes,omitempty" jsonschema:"minimum=8,maximum=1048576" jsonschema_description:"How much disk the past may take; the oldest goes first. Default 256."`
}

// DelayedCopy says how far behind a copy of the state is kept that nothing
// replicated can touch.
type DelayedCopy struct {
	// Hours is how far the copy is behind. Default 24: damage that is noticed
	// within a day has not reached it.
	Hours int `yaml:"hours,omitempty" json:"hours,omitempty" jsonschema:"minimum=1,maximum=720" jsonschema_description:"How far the copy is behind. Default 24."`
	// Off keeps none here. One agent of the fleet should keep one.
	Off bool `yaml:"off,omitempty" json:"off,omitempty" jsonschema_description:"Keep none here; one agent of the fleet should."`
}

// Bounds and defaults of keeping.
const (
	defaultDelayHours       = 24
	defaultHistoryDays      = 90
	defaultHistoryMegabytes = 256
)

// between checks a number against its bounds.
func (c *agentCheck) between(path string, n, low, high int) {
	if n < low || n > high {
		c.at(path, "", "%d is not between %d and %d", n, low, high)
	}
}

func (c *agentCheck) keeping() {
	c.between("$.history.days", c.agent.History.Days, 1, 3650)
	c.between("$.history.megabytes", c.agent.History.Megabytes, 8, 1<<20)
	c.between("$.delayed_copy.hours", c.agent.DelayedCopy.Hours, 1, 720)
}
