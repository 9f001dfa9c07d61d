package probes

import (
	"context"
	"crypto/x509"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Spec is one check and all that is needed to ask it.
type Spec struct {
	Check health.Check
	// Address is where the softswitch listens.
	Address netip.AddrPort
	// ServerName is the SIP domain: it is sent as SNI and is what the
	// certificate must be for (RFC 5922 §7). Empty leaves both out.
	ServerName string
	// Path is asked for when a WebSocket is opened. Empty means /.
	Path string
	// ExpectStatus lists SIP status codes beside 200 that mean a living
	// softswitch.
	ExpectStatus []int
	// Roots are the authorities that certificates must lead to; nil means those
	// of the machine.
	Roots *x509.CertPool
	// Login is the subscriber as whom a Register check logs in.
	Login Login
	// Question is what a further check asks.
	Question Question
	// Times are the check's own; what is zero is as in Config.
	Times Times
}

// Question is what a further check asks, each kind its own part of it.
type Question struct {
	// MaxForwards of OPTIONS; nil is 70.
	MaxForwards *int

	Path     string        // of http
	Secure   bool          // http over TLS
	Status   []int         // of http that are good; empty means 200
	Contains string        // must be in the answer of tcp, http, dns
	Name     string        // of dns, absolute
	Type     string        // of dns: "SRV"
	Resolver bool          // of dns: the one asked resolves for others, and has no authority
	Command  []string      // of exec, the program first
	Dir      string        // of storage
	Slow     time.Duration // latency from which storage fails; 0 means never
	Source   string        // of metrics, one of fleet.MetricSources
	Over     time.Duration // of metrics: counters are counted, levels smoothed over it
	Numbers  []fleet.Number
	Call     Call
	Cycle    time.Duration // of certificates: all names are asked in so long
}

// Call is a test call.
type Call struct {
	To    string        // number, or user@domain
	Audio string        // one of fleet.CallAudios: what must be heard
	Talk  time.Duration // how long the call is up
	Loss  float64       // share of the audio that may be lost
	// Callee is who takes the call, when it is one of our own subscribers.
	Callee Callee
}

// Callee is a subscriber of ours who logs in at a softswitch and takes a call.
type Callee struct {
	Login     Login
	Transport fleet.Transport
	Address   netip.AddrPort // of the softswitch; invalid: nobody of ours is called
	Path      string         // of a WebSocket
	Site      fleet.SiteID
}

// local reports that nothing is sent anywhere.
func (q Question) local() bool { return len(q.Command) > 0 || q.Dir != "" }

// Times say how often one check is asked, and when results count.
type Times struct {
	Interval, Timeout time.Duration
	Thresholds        health.Thresholds
	// Again sets a check apart that must be asked seldom, such as a call: it is
	// asked again so long after a failure, never in a burst, and neither
	// suspects others nor is suspected with them. Zero: as all checks.
	Again time.Duration
}

// or fills what is zero.
func (t Times) or(def Times) Times {
	if t.Interval <= 0 {
		t.Interval = def.Interval
	}
	if t.Timeout <= 0 {
		t.Timeout = def.Timeout
	}
	if t.Thresholds == (health.Thresholds{}) {
		t.Thresholds = def.Thresholds
	}
	return t
}

// Login is a test subscriber. It prints without its password, whatever the
// verb, so that it cannot slip into a log.
type Login struct {
	User     string
	Domain   string // empty means the server name
	Password string
}

// String returns the user only.
func (l Login) String() string { return l.User + " (password hidden)" }

// GoString returns the user only.
func (l Login) GoString() string { return l.String() }

// MarshalText returns the user only, for encoders such as JSON.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Peer is where the softswitch listens.
func (s Spec) Peer() wire.Peer {
	return wire.Peer{Transport: s.Check.Transport, Address: s.Address, ServerName: s.ServerName, Path: s.Path}
}

func (s Spec) equal(o Spec) bool {
	return s.Check == o.Check && s.Address == o.Address && s.ServerName == o.ServerName && s.Path == o.Path && s.Login == o.Login && s.Times == o.Times &&
		slices.Equal(s.ExpectStatus, o.ExpectStatus) && reflect.DeepEqual(s.Question, o.Question) && equalRoots(s.Roots, o.Roots)
}

func equalRoots(a, b *x509.CertPool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b)
}

// Result is what came of asking once.
type Result struct {
	Outcome health.Outcome
	Cause   health.Cause  // why, when Outcome is not Success
	Detail  string        // one line for people; holds no control characters
	RTT     time.Duration // until the answer; 0 when there was none
	// Certificate is the SHA-256 of the certificate that was shown, in hex.
	Certificate string
	// Ends is when the first of the certificates ends that were shown.
	Ends Ending
	// Numbers are what the answer told of itself, by name. Nobody changes them.
	Numbers map[string]float64
}

// Succeeded returns the result of a question that was answered well.
func Succeeded(rtt time.Duration, detail string) Result {
	return Result{Outcome: health.Success, Detail: detail, RTT: rtt}
}

// Failed returns the result of a question that was not. CauseLocal is the
// observer's own fault and so no data.
func Failed(cause health.Cause, detail string) Result {
	if cause == health.CauseLocal {
		return Result{Outcome: health.NoData, Cause: cause, Detail: detail}
	}
	return Result{Outcome: health.Failure, Cause: cause, Detail: detail}
}

// Prober asks one question once. It is called from many goroutines at a time.
type Prober interface {
	// Probe asks and returns what came of it, at the latest when ctx ends. The
	// deadline of ctx is the probe's own timer: SIP's Timer F plays no part,
	// and running into it is a Failure with CauseTimeout or a nearer word. It
	// sends to spec.Address and nowhere else, whatever the answer says.
	Probe(ctx context.Context, spec Spec) Result
}

// Watcher holds something open towards a softswitch instead of asking. It is
// called once for each spec of its kind, in a goroutine of its own.
type Watcher interface {
	// Watch returns when ctx ends. It calls report for each change: Success
	// when the thing stands (again), Failure when it broke or cannot be had.
	// CauseReset means that it was closed, which a healthy softswitch may do
	// too; any other cause is a failure in its own right.
	Watch(ctx context.Context, spec Spec, report func(Result))
}
