package fleet

import "time"

// Drill is a drill that begins by itself.
type Drill struct {
	// Site whose loss is practised.
	Site SiteID `json:"site" yaml:"site" jsonschema_description:"Site whose loss is practised."`
	// When it may begin, as drill_blocked is written. A short window is best: the
	// drill begins in it as soon as all is well.
	When string `json:"when" yaml:"when" jsonschema_description:"Time of the week, in UTC, in which it begins as soon as all is well: sun 03:00-04:00."`
	// Minutes that the site stays empty. Default 30.
	Minutes int `json:"minutes,omitempty" yaml:"minutes,omitempty" jsonschema:"minimum=1,maximum=720" jsonschema_description:"How long the site stays empty. Default: 30."`
	// Cohort narrows it to these tenants, as ParseCohort reads them. Default everyone.
	Cohort string `json:"cohort,omitempty" yaml:"cohort,omitempty" jsonschema_description:"Only these tenants leave: a share of them, 5%, or buckets, 0-4,17. Default: everyone."`
	// EveryDays is how many days lie between two of them. Default 28.
	EveryDays int `json:"every_days,omitempty" yaml:"every_days,omitempty" jsonschema:"minimum=1,maximum=365" jsonschema_description:"Days between two of them. Default: 28."`
}

// Lasts is how long the site stays empty.
func (d Drill) Lasts() time.Duration {
	if d.Minutes == 0 {
		return 30 * time.Minute
	}
	return time.Duration(d.Minutes) * time.Minute
}

// Every is the time between two of them.
func (d Drill) Every() time.Duration {
	if d.EveryDays == 0 {
		return 28 * 24 * time.Hour
	}
	return time.Duration(d.EveryDays) * 24 * time.Hour
}
