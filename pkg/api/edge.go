package api

import (
	"context"
	"net/http"
)

// EdgeCommand is one thing that the edge of a site does for a step of a runbook.
type EdgeCommand struct {
	Run   string   `json:"run" maxLength:"64"`
	Step  string   `json:"step" maxLength:"64"`
	Words []string `json:"words" minItems:"1" maxItems:"32" doc:"Method and parameters."`
}

// EdgeAnswer is what the edge said.
type EdgeAnswer struct {
	Said string `json:"said"`
}

// TellEdge has the agent's own edge do something, once.
func (c *Client) TellEdge(ctx context.Context, e EdgeCommand) (out EdgeAnswer, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/peer/edge", e, &out, true)
}
