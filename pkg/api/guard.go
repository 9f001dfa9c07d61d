package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// Caller is who makes a call.
type Caller struct {
	// Name of the operator or the agent.
	Name string
	// Role is what the caller may do; RoleAnyone for somebody unknown.
	Role Role
	// Trusted callers say themselves on whose behalf they act: agents that
	// pass a command on, and root at the agent's own machine.
	Trusted bool
	// From is the address of the caller's machine; "socket" at the agent's own.
	From string
}

// may reports whether the caller has what a route needs.
func (c Caller) may(need Role) bool {
	order := map[Role]int{RoleAnyone: 0, RoleViewer: 1, RoleOperator: 2, RoleAdmin: 3}
	switch {
	case need == RoleAnyone:
		return true
	case need == RoleAgent:
		return c.Role == RoleAgent
	case c.Role == RoleAgent:
		return order[need] <= order[RoleOperator] // agents pass commands on, and look
	}
	return order[c.Role] >= order[need]
}

// Call is one call for the audit trail.
type Call struct {
	Caller  Caller
	Method  string
	Path    string
	Status  int
	Took    time.Duration
	Refused bool
}

type callerKey struct{}

// CallerOf returns who makes the call that ctx belongs to; the zero value where
// no Guard is.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Guard lets a request through when its caller has the role that the route
// needs. judge says who the caller is; its error is shown to the caller. audit
// is told of every call when it is done.
func Guard(next http.Handler, judge func(*http.Request) (Caller, error), audit func(Call)) http.Handler {
	roles := Roles()
	table := tableOf(roles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		caller, err := judge(r)
		caller.From = fromAddress(r.RemoteAddr)
		if err == nil {
			if role := need(table, roles, r); !caller.may(role) {
				err = forbidden(caller, role)
			}
		}
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			audit(Call{
				Caller: caller, Method: r.Method, Path: r.URL.Path, Status: seen.status,
				Took: time.Since(start), Refused: err != nil,
			})
		}()
		if err != nil {
			writeError(seen, AsError(err))
			return
		}
		next.ServeHTTP(seen, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	})
}

func forbidden(c Caller, need Role) error {
	if c.Role == RoleAnyone {
		return &Error{
			Category: Unauthorized, Message: "who asks? no token was presented that is known here",
			Hint: "give a client file with token and ca: sipsteer --config client.yaml …",
		}
	}
	return &Error{
		Category: Unauthorized, Message: fmt.Sprintf("%s has role %s; this needs %s", c.Name, c.Role, need),
		Hint: "ask an admin: sipsteer operator set " + c.Name + " --role " + string(need),
	}
}

func writeError(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.GetStatus())
	_ = json.NewEncoder(w).Encode(e) // the client has gone
}

// statusWriter remembers the status for the audit trail.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// roleOf is the role in which a change is asked for: the caller's own, or what an
// agent says of the caller for whom it passes the change on. Where nobody guards
// everybody is admin, as for every route.
func roleOf(ctx context.Context, passed string) string {
	switch c := CallerOf(ctx); c.Role {
	case RoleAgent:
		return passed
	case RoleAnyone:
		return string(RoleAdmin)
	default:
		return string(c.Role)
	}
}

// fromAddress is the caller's machine. Who comes by a socket's file has none.
func fromAddress(remote string) string {
	if a, err := netip.ParseAddrPort(remote); err == nil {
		return a.Addr().Unmap().String()
	}
	return "socket"
}

// fromOf is where a change was typed: at the caller's machine, or where an agent
// says that it was.
func fromOf(ctx context.Context, passed string) string {
	c := CallerOf(ctx)
	if c.Role == RoleAgent {
		return passed
	}
	return c.From
}

// onBehalf is the name under which a change is recorded: the caller's own, and
// what it says of itself beside it.
func onBehalf(ctx context.Context, claimed string) string {
	c := CallerOf(ctx)
	switch {
	case c.Name == "" || c.Trusted && claimed != "" || c.Name == claimed:
		return claimed
	case claimed == "":
		return c.Name
	}
	return claimed + " via " + c.Name
}
