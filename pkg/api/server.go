package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Backend is what the API speaks for: an agent. Errors are *Error, or of
// package steer; anything else is shown as internal.
type Backend interface {
	Access
	Membership
	// Status returns the fleet as this agent sees it.
	Status(ctx context.Context) (Status, error)
	// History returns the last events, oldest first, at most limit.
	History(ctx context.Context, limit int) ([]steer.Event, error)
	// Epochs returns the last decisions that are kept, oldest first.
	Epochs(ctx context.Context, limit int) ([]Epoch, error)
	// Past returns the State that was in force at an epoch. asked says that
	// another agent asks, which must not ask on.
	Past(ctx context.Context, epoch uint64, asked bool) (PastState, error)
	// Diff compares two epochs; to is 0 for now.
	Diff(ctx context.Context, from, to uint64) (plan.Comparison, error)
	// Store returns how this agent's replica, disk and identity are.
	Store(ctx context.Context) (StoreStatus, error)
	// Verify reads the whole past of this agent again.
	Verify(ctx context.Context) (Verification, error)
	// Backup writes a consistent copy of the replicated state.
	Backup(ctx context.Context, w io.Writer, history bool) error
	// Why explains the answers for a name.
	Why(ctx context.Context, name string) (steer.Explanation, error)
	// Plan shows what a command would do.
	Plan(ctx context.Context, req CommandRequest) (plan.Plan, error)
	// Do carries a command out, here or at the leader, and waits for its
	// effect. forwarded is true when another agent passed it on: it is not
	// passed on a second time.
	Do(ctx context.Context, req CommandRequest, forwarded bool) (Result, error)
	// Report takes another agent's opinions.
	Report(ctx context.Context, r Report) error
	// Effect waits until this agent serves the epoch, at most wait, and
	// returns what it serves.
	Effect(ctx context.Context, epoch uint64, wait time.Duration) (Effect, error)
	IncidentBackend
	RunBackend
	ReadinessBackend
	AuditBackend
	TenantStatusBackend
	// Checkpoints returns what this agent has at the agreed places of the log,
	// oldest first.
	Checkpoints(ctx context.Context) ([]Checkpoint, error)
}

// forwardedHeader marks a request that an agent passed on.
const forwardedHeader = "X-Sipsteer-Forwarded"

// Handler returns the API of a backend. metrics may be nil.
func Handler(b Backend, version string, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	a := humago.New(mux, humaConfig(version))
	s := &server{backend: b}
	s.register(a)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /v1/backup", s.backup)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

func humaConfig(version string) huma.Config {
	cfg := huma.DefaultConfig("sipsteer agent", version)
	cfg.CreateHooks = nil // no $schema links in answers
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	return cfg
}

type server struct{ backend Backend }

// register adds every route that huma serves.
func (s *server) register(a huma.API) {
	s.operate(a)
	s.past(a)
	s.incidents(a)
	s.runs(a)
	s.audit(a)
	s.tenantStatus(a)
	s.store(a)
	s.readiness(a)
	s.access(a)
	s.membership(a)
	s.peers(a)
	if t, ok := s.backend.(TenantBackend); ok || s.backend == nil {
		s.tenants(a, t)
	}
	if g, ok := s.backend.(GateBackend); ok || s.backend == nil {
		s.gates(a, g)
	}
	if p, ok := s.backend.(ProbeBackend); ok || s.backend == nil {
		s.probes(a, p)
	}
}

// body wraps an answer as huma wants it.
type body[T any] struct{ Body T }

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, AsError(err)
	}
	return &body[T]{v}, nil
}

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: 8 << 20}
}

// operate registers what operators use.
func (s *server) operate(a huma.API) {
	huma.Register(a, op("status", http.MethodGet, "/v1/status", "The fleet as this agent sees it"),
		func(ctx context.Context, _ *struct{}) (*body[Status], error) {
			return answer(s.backend.Status(ctx))
		})
	huma.Register(a, op("history", http.MethodGet, "/v1/history", "What happened, oldest first"),
		func(ctx context.Context, in *struct {
			Limit int `query:"limit" default:"50" minimum:"1" maximum:"500"`
		},
		) (*body[[]steer.Event], error) {
			return answer(s.backend.History(ctx, in.Limit))
		})
	huma.Register(a, op("why", http.MethodGet, "/v1/why", "Why a name is answered as it is"),
		func(ctx context.Context, in *struct {
			Name string `query:"name" required:"true" maxLength:"253"`
		},
		) (*body[steer.Explanation], error) {
			return answer(s.backend.Why(ctx, in.Name))
		})
	huma.Register(a, op("plan", http.MethodPost, "/v1/plan", "What a command would do; changes nothing"),
		func(ctx context.Context, in *struct{ Body CommandRequest }) (*body[plan.Plan], error) {
			return answer(s.backend.Plan(ctx, in.Body))
		})
	huma.Register(a, op("do", http.MethodPost, "/v1/commands", "Carry out a command and wait for its effect"),
		func(ctx context.Context, in *struct {
			Forwarded string `header:"X-Sipsteer-Forwarded"`
			Body      CommandRequest
		},
		) (*body[Result], error) {
			in.Body.By, in.Body.Role, in.Body.From = onBehalf(ctx, in.Body.By), roleOf(ctx, in.Body.Role), fromOf(ctx, in.Body.From)
			return answer(s.backend.Do(ctx, in.Body, in.Forwarded != ""))
		})
}

// peers registers what the agents ask of each other.
func (s *server) peers(a huma.API) {
	huma.Register(a, op("report", http.MethodPost, "/v1/peer/report", "Opinions of another agent"),
		func(ctx context.Context, in *struct{ Body Report }) (*struct{}, error) {
			if err := s.backend.Report(ctx, in.Body); err != nil {
				return nil, AsError(err)
			}
			return nil, nil
		})
	huma.Register(a, op("checkpoints", http.MethodGet, "/v1/peer/checkpoints", "What this agent has at the agreed places of the log"),
		func(ctx context.Context, _ *struct{}) (*body[[]Checkpoint], error) {
			return answer(s.backend.Checkpoints(ctx))
		})
	huma.Register(a, op("effect", http.MethodGet, "/v1/peer/effect", "What this agent serves now"),
		func(ctx context.Context, in *struct {
			Epoch uint64 `query:"epoch"`
			Wait  string `query:"wait" maxLength:"16"`
		},
		) (*body[Effect], error) {
			wait, err := time.ParseDuration(in.Wait)
			if err != nil && in.Wait != "" {
				return nil, &Error{Category: Invalid, Field: "wait", Message: "not a duration"}
			}
			return answer(s.backend.Effect(ctx, in.Epoch, min(wait, 10*time.Second)))
		})
}

// healthz says whether this agent is alive; it does not depend on the others.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	if _, err := s.backend.Effect(r.Context(), 0, 0); err != nil {
		http.Error(w, "not serving", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte("ok\n"))
}
