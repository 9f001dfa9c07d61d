package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// GateBackend is what a Backend may speak for beside: the gates of the sites.
type GateBackend interface {
	// Gates returns what every gate does now. One that cannot be asked is in
	// it with a problem.
	Gates(ctx context.Context) ([]GateReport, error)
	// Stragglers lists who still comes to a site.
	Stragglers(ctx context.Context, site string) (StragglerList, error)
	// OwnGate returns what this agent's gate does; false without one.
	OwnGate() (GateReport, bool)
	// TellEdge has this agent's edge do something, once.
	TellEdge(ctx context.Context, c EdgeCommand) (EdgeAnswer, error)
	// OwnStragglers lists who still comes to this agent's gate.
	OwnStragglers() []Straggler
	// OwnPush has this agent's gate ask devices to look again.
	OwnPush(ctx context.Context, o PushOrder) (PushAnswer, error)
	// Registered returns those of the addresses of record that are registered
	// at this agent's site.
	Registered(aors []string) []string
}

// GateReport is the drain meter of one gate.
type GateReport struct {
	Site       string            `json:"site"`
	Agent      string            `json:"agent"`
	Gate       string            `json:"gate" enum:"open,draining,closed,"`
	Gates      map[string]string `json:"gates" doc:"Mode by transport."`
	Refused    []GatePart        `json:"refused,omitempty" doc:"Who is refused over transports that are open to all others."`
	Unparted   string            `json:"unparted,omitempty" doc:"Why those who have left the site are not refused here, where others have not."`
	Problem    string            `json:"problem,omitempty" doc:"Why nothing is known of this gate."`
	Since      *time.Time        `json:"since,omitempty" doc:"When it began to refuse."`
	Horizon    *time.Time        `json:"horizon,omitempty" doc:"From when on nobody should hold an old answer of the name servers."`
	Finish     *time.Time        `json:"finish,omitempty" doc:"Forecast: when no registration is left."`
	Left       int               `json:"registrations_left" doc:"Registered devices that are still to move; all of them while the gate is open."`
	Untold     int               `json:"untold" doc:"Of these, not refused yet."`
	Told       int               `json:"told" doc:"Of these, refused and not silent yet."`
	Moved      int               `json:"moved" doc:"Refused, and silent since, or back in the rhythm of its refreshes."`
	Stuck      int               `json:"stuck" doc:"Refused, back too soon, and without a registration here."`
	Lapsed     int               `json:"lapsed" doc:"Gone without being refused."`
	Strangers  int               `json:"strangers" doc:"Refused, and never registered here."`
	Unlisted   uint64            `json:"unlisted,omitempty" doc:"Devices that there was no room for."`
	Calls      int               `json:"calls_left"`
	Stragglers int               `json:"stragglers"`
	Conns      int               `json:"connections"`
	Totals     GateTotals        `json:"totals"`
	Tenants    []TenantLeft      `json:"tenants" doc:"Domains with most registrations left."`
	Parts      []PartLeft        `json:"parts,omitempty" doc:"Registrations left by service and by bucket of its tenants."`
	Methods    []Rate            `json:"methods"`
	Agents     []Rate            `json:"agents"`
	Quarantine []QuarantineCount `json:"quarantine" doc:"Sources whose new work is dropped, the busiest first."`
	Sources    []SourceRate      `json:"sources" doc:"Those that begin most, in the last full ten seconds: the first 20."`
	Offenders  []Offender        `json:"offenders" doc:"Sources that send more than they may, the worst first."`
	Certs      []Certificate     `json:"certificates" doc:"Of the TLS listeners."`
	Shares     []Share           `json:"shares" doc:"How many devices each answer has moved."`
	Push       PushTotals        `json:"push" doc:"Devices that were asked to look again."`
}

// GateTotals count requests since the gate was started.
type GateTotals struct {
	Relayed    uint64 `json:"relayed"`
	Refused    uint64 `json:"refused"`
	Redirected uint64 `json:"redirected"`
	Silenced   uint64 `json:"silenced"`
	HungUp     uint64 `json:"hung_up"`
	Isolated   uint64 `json:"isolated" doc:"Of sources in quarantine."`
	Dropped    uint64 `json:"dropped"`
	Malformed  uint64 `json:"malformed"`
}

// GatePart is a part of what uses a site that its gate refuses while it is open to
// all others.
type GatePart struct {
	Transport string `json:"transport"`
	Service   string `json:"service"`
	Cohort    string `json:"cohort,omitempty" doc:"Buckets of its tenants; all who use the service where there are none."`
	Refuses   string `json:"refuses" enum:"REGISTER,new work"`
	Reason    string `json:"reason,omitempty" doc:"What phones are told."`
}

// TenantLeft is a domain with registrations that are still to move.
type TenantLeft struct {
	Domain string `json:"domain"`
	Left   int    `json:"left"`
}

// PartLeft counts registrations that are still to move, of a service and a bucket
// of its tenants.
type PartLeft struct {
	Service string `json:"service"`
	Bucket  int    `json:"bucket" doc:"100 has devices that register at the service's own name."`
	Left    int    `json:"left"`
}

// Rate is requests per second over the last ten seconds.
type Rate struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
	Refused   float64 `json:"refused_per_second"`
}

// SourceRate is what one source begins in a second. Calls that are up and those
// for help do not count.
type SourceRate struct {
	Source    string  `json:"source"`
	PerSecond float64 `json:"per_second"`
}

// Offender is a source whose requests or connections were dropped.
type Offender struct {
	Source  string    `json:"source"`
	Dropped uint64    `json:"dropped"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// Quarantine is a source that is kept out, by decision of the fleet.
type Quarantine struct {
	Source string    `json:"source"`
	Site   string    `json:"site,omitempty" doc:"Only there; all sites when it is left out."`
	Owner  string    `json:"owner"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// QuarantineCount is what came of such a source at one gate.
type QuarantineCount struct {
	Source  string     `json:"source"`
	Until   time.Time  `json:"until"`
	Dropped uint64     `json:"dropped"`
	Last    *time.Time `json:"last,omitempty"`
}

// Certificate is one of a gate's TLS listeners.
type Certificate struct {
	File     string     `json:"file"`
	Names    []string   `json:"names" doc:"That it is for."`
	Kind     string     `json:"kind,omitempty"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	Problem  string     `json:"problem,omitempty" doc:"Why the file as it is now is not used; with a not_after the one before it is served."`
}

// Share says how well an answer moves a family of devices.
type Share struct {
	Family  string `json:"family"`
	Answer  string `json:"answer"`
	Refused int    `json:"refused" doc:"Devices."`
	Moved   int    `json:"moved" doc:"Devices."`
}

// StragglerList is who still comes to a site.
type StragglerList struct {
	Site    string      `json:"site"`
	Gate    string      `json:"gate"`
	Horizon *time.Time  `json:"horizon,omitempty"`
	Items   []Straggler `json:"stragglers"`
}

// Straggler is a device or trunk that still comes to a drained site.
type Straggler struct {
	AoR          string     `json:"aor"`
	Trunk        bool       `json:"trunk" doc:"It sends calls and never registered."`
	Source       string     `json:"source"`
	Transport    string     `json:"transport"`
	UserAgent    string     `json:"user_agent"`
	First        time.Time  `json:"first"`
	Last         time.Time  `json:"last"`
	Refusals     int        `json:"refusals"`
	Every        string     `json:"every" doc:"Between its last two attempts."`
	Reason       string     `json:"reason"`
	Step         string     `json:"step" doc:"What to try."`
	RegisteredAt string     `json:"registered_at,omitempty" doc:"Another site where it is registered: it moved, and asks here first."`
	Asked        *time.Time `json:"asked,omitempty" doc:"When it was last asked to look again, within the hour."`
	Answer       string     `json:"answer,omitempty" doc:"What it said to that: a status, waiting, silence, not reached."`
}

// AoRs are addresses of record.
type AoRs struct {
	AoRs []string `json:"aors" maxItems:"10000"`
}

func (s *server) gates(a huma.API, b GateBackend) {
	huma.Register(a, op("gates", http.MethodGet, "/v1/gates", "What every gate does now, and who is left"),
		func(ctx context.Context, _ *struct{}) (*body[[]GateReport], error) {
			return answer(b.Gates(ctx))
		})
	huma.Register(a, op("stragglers", http.MethodGet, "/v1/gates/{site}/stragglers", "Who still comes to a site"),
		func(ctx context.Context, in *struct {
			Site string `path:"site" maxLength:"63"`
		},
		) (*body[StragglerList], error) {
			return answer(b.Stragglers(ctx, in.Site))
		})
	huma.Register(a, op("own-gate", http.MethodGet, "/v1/peer/gate", "What this agent's gate does"),
		func(context.Context, *struct{}) (*body[GateReport], error) {
			r, _ := b.OwnGate()
			return answer(r, nil)
		})
	huma.Register(a, op("tell-edge", http.MethodPost, "/v1/peer/edge", "Have this agent's edge do something"),
		func(ctx context.Context, in *struct{ Body EdgeCommand }) (*body[EdgeAnswer], error) {
			return answer(b.TellEdge(ctx, in.Body))
		})
	huma.Register(a, op("own-stragglers", http.MethodGet, "/v1/peer/stragglers", "Who still comes to this agent's gate"),
		func(context.Context, *struct{}) (*body[[]Straggler], error) {
			return answer(b.OwnStragglers(), nil)
		})
	s.pushes(a, b)
	huma.Register(a, op("registered", http.MethodPost, "/v1/peer/registered", "Which of these are registered at this agent's site"),
		func(_ context.Context, in *struct{ Body AoRs }) (*body[AoRs], error) {
			return answer(AoRs{b.Registered(in.Body.AoRs)}, nil)
		})
}

// Gates asks what every gate does.
func (c *Client) Gates(ctx context.Context) (g []GateReport, err error) {
	return g, c.call(ctx, http.MethodGet, "/v1/gates", nil, &g, false)
}

// Stragglers asks who still comes to a site.
func (c *Client) Stragglers(ctx context.Context, site string) (l StragglerList, err error) {
	return l, c.call(ctx, http.MethodGet, "/v1/gates/"+url.PathEscape(site)+"/stragglers", nil, &l, false)
}

// OwnGate asks what the agent's own gate does. The site is empty without one.
func (c *Client) OwnGate(ctx context.Context) (g GateReport, err error) {
	return g, c.call(ctx, http.MethodGet, "/v1/peer/gate", nil, &g, true)
}

// OwnStragglers asks who still comes to the agent's own gate.
func (c *Client) OwnStragglers(ctx context.Context) (l []Straggler, err error) {
	return l, c.call(ctx, http.MethodGet, "/v1/peer/stragglers", nil, &l, true)
}

// Registered asks which of the addresses of record are registered at the agent's
// site.
func (c *Client) Registered(ctx context.Context, aors []string) ([]string, error) {
	var out AoRs
	err := c.call(ctx, http.MethodPost, "/v1/peer/registered", AoRs{aors}, &out, true)
	return out.AoRs, err
}
