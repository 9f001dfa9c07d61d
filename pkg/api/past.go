package api

import (
	"time"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Epoch is one decision of the past.
type Epoch struct {
	Epoch uint64    `json:"epoch"`
	Index uint64    `json:"index" doc:"Log entry that made it."`
	At    time.Time `json:"at"`
	By    string    `json:"by" doc:"Who made it."`
	Text  string    `json:"text" doc:"What it was."`
}

// PastState is the State that was in force at an epoch.
type PastState struct {
	Epoch  uint64        `json:"epoch"`
	At     time.Time     `json:"at"`
	Agent  string        `json:"agent" doc:"Agent that had it."`
	State  steer.State   `json:"state"`
	Events []steer.Event `json:"events" doc:"That led to it."`
	// Tenants is how many there were; PastTenantPage has them.
	Tenants int `json:"tenants,omitempty" doc:"How many tenants there were."`
}

// Verification is what an agent found when it read its whole past again.
type Verification struct {
	Agent   string      `json:"agent"`
	Records []PastPlace `json:"records" doc:"Oldest first."`
	Head    Hash        `json:"head" doc:"Hash of the last record: stands for all of them."`
	Damaged []string    `json:"damaged" doc:"Files that are not as they were written."`
}

// PastPlace is what agents compare of one record.
type PastPlace struct {
	Epoch uint64 `json:"epoch"`
	Index uint64 `json:"index"`
	Chain Hash   `json:"chain" doc:"Over every log entry up to the index."`
	Sum   Hash   `json:"sum" doc:"Of the State."`
}
