package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// routes lists what the server registers.
func routes(t *testing.T) []string {
	t.Helper()
	a := humago.New(http.NewServeMux(), humaConfig("1"))
	(&server{}).register(a)
	out := []string{"GET /healthz", "GET /metrics", "GET /v1/backup"}
	for path, item := range a.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete, "PATCH": item.Patch} {
			if op != nil {
				out = append(out, method+" "+path)
			}
		}
	}
	return out
}

// TestEveryRouteHasARole: a new route must say who may use it.
func TestEveryRouteHasARole(t *testing.T) {
	roles, exist := Roles(), map[string]bool{}
	list := routes(t)
	if len(list) < 20 {
		t.Fatalf("only %d routes found", len(list))
	}
	for _, r := range list {
		exist[r] = true
		role, ok := roles[r]
		if !ok {
			t.Errorf("%s has no row in Roles: say who may use it", r)
		}
		if peer := strings.Contains(r, " /v1/peer/"); peer != (role == RoleAgent) {
			t.Errorf("%s needs %q: what agents ask of each other is for agents alone", r, role)
		}
	}
	for r := range roles {
		if !exist[r] && strings.Contains(r, "/v1/") {
			t.Errorf("%s has a role and does not exist", r)
		}
	}
}

// TestRolesTimesRoutes asks every route as everyone.
func TestRolesTimesRoutes(t *testing.T) {
	order := []Role{RoleAnyone, RoleViewer, RoleOperator, RoleAdmin, RoleAgent}
	for _, role := range order {
		var caller Caller
		var last Call
		reached := false
		h := Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got := CallerOf(r.Context())
			if got.From != "192.0.2.1" { // of every request of httptest
				t.Errorf("asked from %q", got.From)
			}
			got.From = ""
			reached = got == caller
		}),
			func(*http.Request) (Caller, error) { return caller, nil }, func(c Call) { last = c })
		caller = Caller{Name: "x", Role: role}
		for _, route := range append(routes(t), "POST /v1/of-tomorrow") {
			method, path, _ := strings.Cut(route, " ")
			path = strings.NewReplacer("{epoch}", "7", "{site}", "calgary", "{name}", "bob", "{id}", "i1").Replace(path)
			reached = false
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			want := wanted(role, Roles(), route)
			if reached != want || (w.Code == http.StatusForbidden) == want || last.Refused == want || last.Path != path {
				t.Errorf("%s as %q: reached %v, status %d, want %v", route, role, reached, w.Code, want)
			}
			var e Error
			if err := json.Unmarshal(w.Body.Bytes(), &e); !want && (err != nil || e.Hint == "" || e.Category != Unauthorized) {
				t.Errorf("%s as %q: refusal %s", route, role, w.Body)
			}
		}
	}
}

// wanted is the rule, written once more without an order of roles.
func wanted(role Role, roles map[string]Role, route string) bool {
	need, known := roles[route]
	if !known {
		need = RoleAdmin
	}
	switch need {
	case RoleAnyone:
		return true
	case RoleViewer:
		return role != RoleAnyone
	case RoleOperator:
		return role == RoleOperator || role == RoleAdmin || role == RoleAgent
	case RoleAdmin:
		return role == RoleAdmin
	}
	return role == RoleAgent
}

func TestCallerThatCannotBeJudgedIsRefused(t *testing.T) {
	h := Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }),
		func(*http.Request) (Caller, error) { return Caller{}, errors.New("no") }, func(Call) {})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if w.Code < 400 {
		t.Errorf("status %d", w.Code)
	}
}

func TestChangesAreRecordedUnderTheCallersName(t *testing.T) {
	for _, tc := range []struct {
		caller        Caller
		claimed, want string
	}{
		{Caller{Name: "alice", Role: RoleOperator}, "", "alice"},
		{Caller{Name: "alice", Role: RoleOperator}, "alice", "alice"},
		{Caller{Name: "alice", Role: RoleOperator}, "bob", "bob via alice"},
		{Caller{Name: "calgary", Role: RoleAgent, Trusted: true}, "bob via alice", "bob via alice"},
		{Caller{Name: "root", Role: RoleAdmin, Trusted: true}, "carol", "carol"},
		{Caller{Name: "root", Role: RoleAdmin, Trusted: true}, "", "root"},
		{Caller{}, "tester", "tester"},
	} {
		var got string
		h := Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = onBehalf(r.Context(), tc.claimed) }),
			func(*http.Request) (Caller, error) { return tc.caller, nil }, func(Call) {})
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if got != tc.want {
			t.Errorf("%+v says %q: recorded as %q, want %q", tc.caller, tc.claimed, got, tc.want)
		}
	}
}

// TestRoleOfACommand: nobody but an agent that passes a command on says in which
// role it was typed.
func TestRoleOfACommand(t *testing.T) {
	for _, tc := range []struct {
		caller        Caller
		claimed, want string
	}{
		{Caller{Name: "alice", Role: RoleOperator}, "admin", "operator"},
		{Caller{Name: "root", Role: RoleAdmin, Trusted: true}, "", "admin"},
		{Caller{Name: "calgary", Role: RoleAgent, Trusted: true}, "operator", "operator"},
		{Caller{Name: "calgary", Role: RoleAgent, Trusted: true}, "", ""},
		{Caller{}, "operator", "admin"},
	} {
		var got string
		h := Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = roleOf(r.Context(), tc.claimed) }),
			func(*http.Request) (Caller, error) { return tc.caller, nil }, func(Call) {})
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if got != tc.want {
			t.Errorf("%+v claiming %q: %q, want %q", tc.caller, tc.claimed, got, tc.want)
		}
	}
}
