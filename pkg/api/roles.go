package api

import "net/http"

// Role is what a caller must be allowed to do. The words are those of the
// registry of operators.
type Role string

// The roles. An agent may do what agents ask of each other, and look.
const (
	RoleAnyone   Role = ""
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
	RoleAgent    Role = "agent"
)

// Roles says what each route needs. A route that is not here needs admin; a
// test holds the table to the routes that there are.
func Roles() map[string]Role {
	return map[string]Role{
		"GET /healthz":      RoleAnyone, // for load balancers and service managers: says only yes or no
		"GET /openapi.json": RoleAnyone,
		"GET /openapi.yaml": RoleAnyone,
		"POST /v1/join":     RoleAnyone, // the token says who asks
		"GET /docs":         RoleAnyone,

		"GET /metrics":                    RoleViewer,
		"GET /v1/status":                  RoleViewer,
		"GET /v1/history":                 RoleViewer,
		"GET /v1/audit":                   RoleViewer,
		"GET /v1/epochs":                  RoleViewer,
		"GET /v1/epochs/{epoch}":          RoleViewer,
		"GET /v1/epochs/{epoch}/tenants":  RoleViewer,
		"GET /v1/diff":                    RoleViewer,
		"GET /v1/verify":                  RoleViewer,
		"GET /v1/store":                   RoleViewer,
		"GET /v1/why":                     RoleViewer,
		"GET /v1/gates":                   RoleViewer,
		"GET /v1/gates/{site}/stragglers": RoleViewer,
		"GET /v1/incidents":               RoleViewer,
		"GET /v1/incidents/{id}/report":   RoleViewer,
		"GET /v1/agents":                  RoleViewer,
		"GET /v1/tenants":                 RoleViewer,
		"GET /v1/tenants/status":          RoleViewer,
		"GET /v1/tenants/rows":            RoleViewer,
		"GET /v1/checks":                  RoleViewer,
		"POST /v1/probe":                  RoleOperator, // it sends traffic
		"POST /v1/parity":                 RoleOperator,
		"GET /v1/peer/checks":             RoleAgent,
		"GET /v1/peer/evidence":           RoleAgent,
		"GET /v1/peer/name-servers":       RoleAgent,
		"POST /v1/peer/probe":             RoleAgent,
		"POST /v1/plan":                   RoleViewer,
		"GET /v1/runs":                    RoleViewer,
		"GET /v1/books":                   RoleViewer,
		"GET /v1/runs/{id}/forecasts":     RoleViewer,
		"GET /v1/readiness":               RoleViewer,
		"GET /v1/dns/zone-above":          RoleViewer,
		"POST /v1/runs/plan":              RoleViewer,
		"POST /v1/commands":               RoleOperator,
		"GET /v1/backup":                  RoleOperator,
		"PUT /v1/agents/{name}":           RoleAdmin,
		"DELETE /v1/agents/{name}":        RoleAdmin,
		"POST /v1/invites":                RoleAdmin,
		"GET /v1/operators":               RoleAdmin,
		"PUT /v1/operators/{name}":        RoleAdmin,
		"DELETE /v1/operators/{name}":     RoleAdmin,
		"GET /v1/peer/checkpoints":        RoleAgent,
		"GET /v1/peer/effect":             RoleAgent,
		"POST /v1/peer/report":            RoleAgent,
		"GET /v1/peer/gate":               RoleAgent,
		"POST /v1/peer/edge":              RoleAgent,
		"GET /v1/peer/stragglers":         RoleAgent,
		"POST /v1/peer/push":              RoleAgent,
		"POST /v1/peer/registered":        RoleAgent,
		"POST /v1/peer/rejoin":            RoleAgent,
		"POST /v1/peer/renew":             RoleAgent,
		"POST /v1/peer/registry":          RoleAgent,
	}
}

// need returns what a request needs. Patterns are matched as the server itself
// does.
func need(table *http.ServeMux, roles map[string]Role, r *http.Request) Role {
	_, pattern := table.Handler(r)
	if role, ok := roles[pattern]; ok {
		return role
	}
	return RoleAdmin
}

// tableOf returns a mux that knows the patterns.
func tableOf(roles map[string]Role) *http.ServeMux {
	mux := http.NewServeMux()
	for pattern := range roles {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	return mux
}
