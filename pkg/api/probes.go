package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ProbeBackend is what a Backend may speak for beside: the checks.
type ProbeBackend interface {
	// Checks returns what every agent sees. One that cannot be asked is in it
	// with a problem.
	Checks(ctx context.Context) ([]AgentChecks, error)
	// OwnChecks returns what this agent sees.
	OwnChecks() AgentChecks
	// KeptEvidence returns what this agent saw in an incident and has kept.
	KeptEvidence(incident string) []steer.Evidence
	// ProbeOnce asks now, once, by the agent that the request names, and shows
	// what went over the wire. forwarded is true when another agent passed it on.
	ProbeOnce(ctx context.Context, r ProbeRequest, forwarded bool) (ProbeRun, error)
	// Parity puts the same questions to every site over a transport and
	// compares the answers.
	Parity(ctx context.Context, transport string) (ParityTable, error)
}

// AgentChecks is what one agent sees.
type AgentChecks struct {
	Agent   string      `json:"agent"`
	Site    string      `json:"site"`
	Problem string      `json:"problem,omitempty" doc:"Why nothing is known of this agent."`
	Checks  []CheckSeen `json:"checks"`
}

// CheckSeen is one check as one agent sees it.
type CheckSeen struct {
	Check  health.Check `json:"check"`
	Status string       `json:"status" enum:"up,down,unknown"`
	// Verdict is what the fleet believes; empty for what is only shown.
	Verdict string `json:"verdict,omitempty" doc:"What the agents together believe; empty for a check that is only shown."`
	// Maintenance: it fails, and nobody is told of it.
	Maintenance bool `json:"maintenance,omitempty" doc:"It fails as it may in the maintenance that it is in."`

	Cause  string   `json:"cause,omitempty"`
	Detail string   `json:"detail,omitempty"`
	Recent []Sample `json:"recent" doc:"The last results, oldest first."`
	// Times are those of answers; empty before the first result.
	Times *AnswerTimes `json:"times,omitempty" doc:"How long answers took, as a histogram."`
	// CertificateEnds is when the first of the certificates ends that were shown last,
	// and CertificateOf whose it is.
	CertificateEnds *time.Time `json:"certificate_ends,omitempty" doc:"When the first of the certificates ends that were shown last."`
	CertificateOf   string     `json:"certificate_of,omitempty" doc:"Whose certificate that is."`
	// Wire is the evidence of the last failure.
	Wire   []WireLine `json:"wire,omitempty" doc:"What went over the wire when it failed last; passwords and proofs of them are hidden."`
	WireAt *time.Time `json:"wire_at,omitempty" doc:"When that was, also of a check that is well again."`
}

// Sample is one result.
type Sample struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome" enum:"success,failure,no-data"`
	Cause   string    `json:"cause,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Took    float64   `json:"took_ms"`
}

// ProbeRequest says what is to be asked, once.
type ProbeRequest struct {
	Site      string `json:"site" maxLength:"63"`
	Kind      string `json:"kind" maxLength:"80" doc:"options, tls, register, or the kind of a further check, with its name: storage:spool"`
	Switch    string `json:"switch,omitempty" maxLength:"63" doc:"Default: every softswitch of the site."`
	Transport string `json:"transport,omitempty" maxLength:"8" doc:"Default: every transport."`
	Agent     string `json:"agent,omitempty" maxLength:"63" doc:"Who asks. Default: an agent at the site, else the one that was told."`
}

// ProbeRun is what came of asking.
type ProbeRun struct {
	Agent   string        `json:"agent"`
	Results []ProbeResult `json:"results"`
}

// ProbeResult is what came of one question.
type ProbeResult struct {
	Check   health.Check `json:"check"`
	Address string       `json:"address,omitempty"`
	Sample  Sample       `json:"result"`
	Wire    []WireLine   `json:"wire" doc:"What was sent and received; passwords and proofs of them are hidden."`
}

// WireLine is one thing that went over the wire.
type WireLine struct {
	At        float64 `json:"at_ms"`
	Direction string  `json:"direction" enum:"sent,received,note"`
	Text      string  `json:"text"`
}

// ParityTable is how the answers of the sites differ.
type ParityTable struct {
	Agent     string         `json:"agent" doc:"Who asked."`
	Transport string         `json:"transport"`
	Places    []string       `json:"places" doc:"Softswitches that were asked, as SITE/SWITCH."`
	Questions []ParityAnswer `json:"questions"`
}

// ParityAnswer is one question with what came back.
type ParityAnswer struct {
	Question    string                       `json:"question"`
	Skipped     string                       `json:"skipped,omitempty" doc:"Why it was not asked."`
	Answers     map[string]map[string]string `json:"answers" doc:"Fields by place."`
	Earlier     map[string]time.Time         `json:"earlier,omitempty" doc:"Places that do not answer now: when what is compared of them was answered."`
	Differences []ParityDifference           `json:"differences"`
}

// ParityDifference is one field that differs.
type ParityDifference struct {
	Field  string            `json:"field"`
	Values map[string]string `json:"values" doc:"By place; one without the field is missing."`
}

// probes registers the routes about checks.
func (s *server) probes(a huma.API, b ProbeBackend) {
	huma.Register(a, op("checks", http.MethodGet, "/v1/checks", "What every agent sees of every softswitch"),
		func(ctx context.Context, _ *struct{}) (*body[[]AgentChecks], error) { return answer(b.Checks(ctx)) })
	huma.Register(a, op("peer-checks", http.MethodGet, "/v1/peer/checks", "What this agent sees"),
		func(context.Context, *struct{}) (*body[AgentChecks], error) { return answer(b.OwnChecks(), nil) })
	huma.Register(a, op("peer-evidence", http.MethodGet, "/v1/peer/evidence", "What this agent saw in an incident"),
		func(_ context.Context, in *struct {
			Incident string `query:"incident" maxLength:"64"`
		},
		) (*body[[]steer.Evidence], error) {
			return answer(b.KeptEvidence(in.Incident), nil)
		})
	huma.Register(a, op("probe", http.MethodPost, "/v1/probe", "Ask a softswitch now, once, and show the wire"),
		func(ctx context.Context, in *struct{ Body ProbeRequest }) (*body[ProbeRun], error) {
			return answer(b.ProbeOnce(ctx, in.Body, false))
		})
	huma.Register(a, op("peer-probe", http.MethodPost, "/v1/peer/probe", "Ask a softswitch now, for another agent"),
		func(ctx context.Context, in *struct{ Body ProbeRequest }) (*body[ProbeRun], error) {
			return answer(b.ProbeOnce(ctx, in.Body, true))
		})
	huma.Register(a, op("parity", http.MethodPost, "/v1/parity", "Put the same questions to every site and compare"),
		func(ctx context.Context, in *struct {
			Transport string `query:"transport" default:"udp" enum:"udp,tcp,tls,ws,wss"`
		},
		) (*body[ParityTable], error) {
			return answer(b.Parity(ctx, in.Transport))
		})
}

// Checks asks what every agent sees.
func (c *Client) Checks(ctx context.Context) (out []AgentChecks, err error) {
	return out, c.call(ctx, http.MethodGet, "/v1/checks", nil, &out, false)
}

// OwnChecks asks what this agent sees.
func (c *Client) OwnChecks(ctx context.Context) (out AgentChecks, err error) {
	return out, c.call(ctx, http.MethodGet, "/v1/peer/checks", nil, &out, true)
}

// KeptEvidence asks what an agent saw in an incident.
func (c *Client) KeptEvidence(ctx context.Context, incident string) (out []steer.Evidence, err error) {
	return out, c.call(ctx, http.MethodGet, "/v1/peer/evidence?incident="+url.QueryEscape(incident), nil, &out, true)
}

// ProbeOnce asks for one probe, now.
func (c *Client) ProbeOnce(ctx context.Context, r ProbeRequest) (out ProbeRun, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/probe", r, &out, false)
}

// ProbeForPeer passes a request for a probe on.
func (c *Client) ProbeForPeer(ctx context.Context, r ProbeRequest) (out ProbeRun, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/peer/probe", r, &out, true)
}

// Parity asks how the answers of the sites differ.
func (c *Client) Parity(ctx context.Context, transport string) (out ParityTable, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/parity?transport="+url.QueryEscape(transport), nil, &out, false)
}
