package health

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Kind is the kind of a check.
type Kind string

// The kinds of checks.
const (
	Options  Kind = "options"  // SIP OPTIONS, answered (RFC 3261 §11)
	TLS      Kind = "tls"      // TLS handshake and certificate
	Standing Kind = "standing" // a TCP connection held open
	Register Kind = "register" // REGISTER with digest, as a subscriber
)

// Kinds of further checks. Theirs are followed by a name: "storage:spool".
const (
	TCP     Kind = "tcp"     // a connection
	HTTP    Kind = "http"    // one question over HTTP
	DNS     Kind = "dns"     // one question to a name server
	Exec    Kind = "exec"    // a command, by the exit codes of Nagios
	Storage Kind = "storage" // write, fsync, read back
	// Certificates is the certificate of every name that a listener serves.
	Certificates Kind = "certificates"

	Call    Kind = "call"    // a call to a test number, answered, with audio
	Metrics Kind = "metrics" // numbers of the softswitch, against limits and what is usual
)

// Kinds lists the kinds, each without a name.
func Kinds() []Kind {
	return []Kind{Options, TLS, Standing, Register, TCP, HTTP, DNS, Exec, Storage, Certificates, Call, Metrics}
}

// Named returns the kind of one further check.
func (k Kind) Named(name string) Kind { return k + ":" + Kind(name) }

// Base returns the kind without the name.
func (k Kind) Base() Kind {
	base, _, _ := strings.Cut(string(k), ":")
	return Kind(base)
}

// Local reports whether only agents at the softswitch's own site can ask.
func (k Kind) Local() bool {
	return k.Base() == Exec || k.Base() == Storage || k.Base() == Metrics || k.Base() == Certificates
}

// Target is what a check asks: one transport of one softswitch.
type Target struct {
	Site      fleet.SiteID    `json:"site"`
	Switch    fleet.SwitchID  `json:"switch"`
	Transport fleet.Transport `json:"transport"`
}

func (t Target) String() string {
	return fmt.Sprintf("%s/%s/%s", t.Site, t.Switch, t.Transport)
}

// Check is one question to one target.
type Check struct {
	Target
	Kind Kind `json:"kind"`
}

func (c Check) String() string { return c.Target.String() + "/" + string(c.Kind) }

// Compare orders checks by site, switch, transport and kind.
func (c Check) Compare(o Check) int {
	return cmp.Or(cmp.Compare(c.Site, o.Site), cmp.Compare(c.Switch, o.Switch), cmp.Compare(c.Transport, o.Transport), cmp.Compare(c.Kind, o.Kind))
}

// Status is what is believed of a check: unknown, up or down.
type Status uint8

// The statuses. The zero value is Unknown.
const (
	Unknown Status = iota
	Up
	Down
)

var statusNames = [...]string{"unknown", "up", "down"}

// String returns unknown, up or down.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(b []byte) error {
	for i, n := range statusNames {
		if n == string(b) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q (one of up, down, unknown)", b)
}

// Cause says in one word why a probe failed. The words are stable: they are
// compared across sites to find a common cause.
type Cause string

// Causes of failure.
const (
	CauseNone        Cause = ""
	CauseTimeout     Cause = "timeout"      // asked, no answer in time
	CauseRefused     Cause = "refused"      // connection refused, ICMP unreachable
	CauseReset       Cause = "reset"        // connection closed or reset by the softswitch
	CauseUnreachable Cause = "unreachable"  // no route
	CauseStatus      Cause = "status"       // a SIP status that is not expected
	CauseMalformed   Cause = "malformed"    // an answer that is not SIP, or not to our request
	CauseTLSHang     Cause = "tls-hang"     // TCP accepted, the handshake did not end
	CauseTLSRefused  Cause = "tls-refused"  // handshake ended by an alert
	CauseCertExpired Cause = "cert-expired" // outside its dates
	CauseCertName    Cause = "cert-name"    // not for the SIP domain (RFC 5922 §7)
	CauseCertUntrust Cause = "cert-untrusted"
	CauseCertInvalid Cause = "cert-invalid" // cannot be parsed or used
	CauseCertRevoked Cause = "cert-revoked" // its authority took it back
	CauseLocal       Cause = "local"        // the observer itself could not ask: no verdict
	CauseNetwork     Cause = "network"      // only the outside cannot reach it: the path, not the softswitch
	CauseTenant      Cause = "tenant"       // only one tenant cannot log in: the tenant, not the site
	CauseAuth        Cause = "auth-rejected"
	CauseBinding     Cause = "binding-missing" // registered, but the registrar does not hold the Contact
	CauseNoLogin     Cause = "login-refused"   // refused before a password was asked for
	CauseUnavailable Cause = "unavailable"     // 503: it says itself that it cannot
	CauseCritical    Cause = "critical"        // a command says so
	CauseStorage     Cause = "storage"         // cannot be written, or not read back as it was written
	CauseSlow        Cause = "slow"            // done, but later than it may be
	CauseContent     Cause = "content"         // an answer without what should be in it
	CauseLimit       Cause = "limit"           // a number beyond the limit that is set for it
	CauseLow         Cause = "abnormally-low"  // a number far below what is usual at this hour of the week
	CauseHigh        Cause = "abnormally-high" // a number far above it
	CauseNoAudio     Cause = "no-audio"        // a call that was answered, and nothing is heard
	CauseOneWay      Cause = "one-way-audio"   // only one side hears the other
	CauseAudioLoss   Cause = "audio-loss"      // too much of the audio is lost
)

// Spreads reports whether a failure with this cause comes from data, keys or
// certificates, which sites share: the same failure may be on its way at the
// others. A dead process or a broken path does not spread.
func (c Cause) Spreads() bool {
	switch c {
	case CauseStatus, CauseMalformed, CauseAuth, CauseBinding, CauseNoLogin, CauseUnavailable, CauseCertExpired, CauseCertName, CauseCertUntrust, CauseCertInvalid, CauseCertRevoked, CauseTLSRefused:
		return true
	}
	return false
}

// AboutCertificate reports whether a failure with this cause is of the
// certificate that was shown.
func (c Cause) AboutCertificate() bool {
	switch c {
	case CauseCertExpired, CauseCertName, CauseCertUntrust, CauseCertInvalid, CauseCertRevoked:
		return true
	}
	return false
}

// Outcome is the result of one probe.
type Outcome uint8

// The outcomes. NoData, the zero value, changes no counter.
const (
	NoData Outcome = iota
	Success
	Failure
)

// Observation is one result of one check by one observer.
type Observation struct {
	Check   Check
	At      time.Time // when the answer or the time-out came, by the observer's clock
	Outcome Outcome
	Cause   Cause         // why, when Outcome is Failure
	Detail  string        // one line for people; holds no control characters
	RTT     time.Duration // until the answer; 0 when there was none
	// Certificate is the SHA-256 of the certificate that was shown, in hex; empty
	// when none was.
	Certificate string
}

// Opinion is what one observer believes of one check.
type Opinion struct {
	Check  Check  `json:"check"`
	Status Status `json:"status"`
	Cause  Cause  `json:"cause,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Certificate is the one that was shown, when the cause is about it.
	Certificate string `json:"certificate,omitempty"`
}

// Verdict is what the fleet believes of one check, after the observers were
// combined.
type Verdict struct {
	Check  Check  `json:"check"`
	Status Status `json:"status"`
	// Maintenance is set by the core alone, where Status is Down: Combine knows
	// nothing of what people do.
	Maintenance Maintenance `json:"maintenance,omitzero"`
	Cause       Cause       `json:"cause,omitempty"`
	Detail      string      `json:"detail,omitempty"`
	Since       time.Time   `json:"since"` // when Status became what it is, by the leader's clock
	// Observers lists who holds this opinion, sorted.
	Observers []fleet.AgentID `json:"observers,omitempty"`
	// Certificate is the one that was shown, when the cause is about it: the
	// SHA-256 in hex.
	Certificate string `json:"certificate,omitempty"`
}
