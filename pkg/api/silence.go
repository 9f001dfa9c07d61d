package api

import "time"

// SilenceStatus is what somebody has said may fail.
type SilenceStatus struct {
	ID         string    `json:"id" doc:"For the kind unsilence."`
	Site       string    `json:"site"`
	Softswitch string    `json:"softswitch,omitempty" doc:"Only this one; absent: all of the site's."`
	Transport  string    `json:"transport,omitempty" doc:"Only this one; absent: all."`
	Check      string    `json:"check,omitempty" doc:"Only this kind of check; absent: all."`
	Owner      string    `json:"owner"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`
	Quiet      []string  `json:"quiet" doc:"Checks that fail there and of which nobody is told."`
}
