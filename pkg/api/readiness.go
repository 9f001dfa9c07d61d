package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ReadinessBackend is the part of a Backend that tells what would go wrong.
type ReadinessBackend interface {
	Readiness(ctx context.Context) (Readiness, error)
	// NameServers asks the name servers, from this agent.
	NameServers(ctx context.Context) ([]NameServerSeen, error)
	// ZoneAbove asks the name servers of the zone above, from this agent.
	ZoneAbove(ctx context.Context) (ZoneAbove, error)
}

// NameServerSeen is a name server as one agent reaches it.
type NameServerSeen struct {
	Kind    plan.NameServerKind `json:"kind"`
	Address string              `json:"address"`
	Name    string              `json:"name" doc:"Asked for."`
	Problem string              `json:"problem,omitempty" doc:"Why there is no good answer."`
	Serial  uint32              `json:"serial,omitempty" doc:"Of the zone."`
}

// Readiness is what would go wrong today.
type Readiness struct {
	At       time.Time        `json:"at"`
	Epoch    uint64           `json:"epoch"`
	By       string           `json:"by,omitempty" doc:"Agent that looked: resolvers of others and softswitches are asked from there."`
	Findings []plan.Finding   `json:"findings" doc:"Worst first."`
	Practice []steer.Practice `json:"practice" doc:"The last drill of each site."`
}

func (s *server) readiness(a huma.API) {
	huma.Register(a, op("readiness", http.MethodGet, "/v1/readiness", "What would go wrong today"),
		func(ctx context.Context, _ *struct{}) (*body[Readiness], error) {
			return answer(s.backend.Readiness(ctx))
		})
	huma.Register(a, op("peer-name-servers", http.MethodGet, "/v1/peer/name-servers", "The name servers as this agent reaches them"),
		func(ctx context.Context, _ *struct{}) (*body[[]NameServerSeen], error) {
			return answer(s.backend.NameServers(ctx))
		})
	huma.Register(a, op("zone-above", http.MethodGet, "/v1/dns/zone-above", "What the zone above says of the zone's keys"),
		func(ctx context.Context, _ *struct{}) (*body[ZoneAbove], error) {
			return answer(s.backend.ZoneAbove(ctx))
		})
}

// ZoneAbove is what the zone above says of the keys of the zone.
type ZoneAbove struct {
	At      time.Time      `json:"at"`
	By      string         `json:"by" doc:"Agent that asked."`
	Asked   bool           `json:"asked" doc:"Whether the agent is configured to ask."`
	Servers []ParentServer `json:"servers"`
}

// ParentServer is one name server of the zone above.
type ParentServer struct {
	plan.ParentServer
	Says string `json:"says" doc:"In words."`
}

// ZoneAbove has the agent ask the name servers of the zone above.
func (c *Client) ZoneAbove(ctx context.Context) (z ZoneAbove, err error) {
	return z, c.call(ctx, http.MethodGet, "/v1/dns/zone-above", nil, &z, false)
}

// NameServers has the agent ask the name servers.
func (c *Client) NameServers(ctx context.Context) (list []NameServerSeen, err error) {
	return list, c.call(ctx, http.MethodGet, "/v1/peer/name-servers", nil, &list, true)
}

// Readiness asks what would go wrong today.
func (c *Client) Readiness(ctx context.Context) (r Readiness, err error) {
	return r, c.call(ctx, http.MethodGet, "/v1/readiness", nil, &r, false)
}
