package config

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones that are known on every machine
)

// TimeZone looks up a time zone by its IANA name.
func TimeZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("no time zone is called %q", name)
	}
	return zone, nil
}
