// Package parity puts the same questions to the softswitches of every site and
// compares the answers field by field. Phones that are moved meet the other
// site's habits: what differs is better known before. It judges nothing: a
// difference may be meant.
package parity

import (
	"context"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
	"github.com/sipsteer/sipsteer/probes/register"
)

// Question is what is asked.
type Question string

// The questions.
const (
	Options  Question = "options"  // OPTIONS
	Register Question = "register" // REGISTER without a password
	Login    Question = "login"    // REGISTER with the canary's password
	Call     Question = "call"     // INVITE to the test number as the canary, if there is one
)

// Questions lists them in the order in which they are asked.
func Questions() []Question { return []Question{Options, Register, Login, Call} }

// Answer is what came back, taken apart. A question that was not answered has
// one field, "answer", that says why.
type Answer map[string]string

// Ask puts one question to a softswitch. Without a password there is no answer
// to Login: false; without a number too none to Call.
func Ask(ctx context.Context, spec probes.Spec, q Question) (Answer, bool) {
	if q == Call {
		if spec.Login.Password == "" || spec.Question.Call.To == "" {
			return nil, false
		}
		return askCall(ctx, spec), true
	}
	if q == Login {
		if spec.Login.Password == "" {
			return nil, false
		}
		res, got := register.New(register.Config{}).Login(ctx, spec)
		if got == nil {
			return Answer{Unanswered: string(res.Cause) + ": " + res.Detail}, true
		}
		a := takeApart(got, spec.Address)
		if expires := granted(got); expires > 0 {
			a["expires"] = strconv.Itoa(expires)
		}
		return a, true
	}
	conn, fault := wire.Dial(ctx, spec.Peer())
	if fault != nil {
		return Answer{Unanswered: fault.Error()}, true
	}
	defer conn.Close()
	domain := spec.ServerName
	if domain == "" {
		domain = spec.Address.Addr().String()
	}
	d := uac.Dialogless{
		Method: sip.OPTIONS, Transport: spec.Check.Transport, Local: conn.LocalAddr(), Recipient: uac.AddressURI("", spec.Check.Transport, spec.Address),
		From: sip.Uri{Scheme: "sip", User: "sipsteer", Host: domain}, To: sip.Uri{Scheme: "sip", Host: domain}, UserAgent: "sipsteer",
	}
	if q == Register {
		user := spec.Login.User
		if user == "" {
			user = "sipsteer"
		}
		// A registrar that asks for no password stores nothing: the request asks
		// what is bound, and binds nothing (RFC 3261 §10.2.3).
		d.Method, d.Recipient = sip.REGISTER, sip.Uri{Scheme: "sip", Host: domain}
		d.From.User, d.To.User = user, user
	}
	req := uac.New(d)
	if q == Register {
		req.RemoveHeader("Contact")
	}
	res, fault := uac.Exchange(ctx, conn, req)
	if fault != nil {
		return Answer{Unanswered: fault.Error()}, true
	}
	return takeApart(res, spec.Address), true
}

// lists are the headers that hold sets: their order means nothing.
var lists = []string{"Allow", "Supported", "Require", "Accept", "Accept-Encoding", "Accept-Language", "Allow-Events", "Unsupported"}

// single are the headers whose text is compared as it is.
var single = []string{"Server", "User-Agent", "Min-Expires", "Retry-After", "Content-Type", "Service-Route", "Path"}

// takeApart picks what phones look at. What differs with every answer (tags,
// nonces, dates) is left out, and the softswitch's own address is not a
// difference.
func takeApart(res *sip.Response, own netip.AddrPort) Answer {
	a := Answer{"status": strconv.Itoa(res.StatusCode) + " " + wire.Clean(res.Reason)}
	for _, name := range lists {
		if items := items(res, name); len(items) > 0 {
			a[name] = strings.Join(items, ", ")
		}
	}
	for _, name := range single {
		if h := res.GetHeader(name); h != nil {
			a[name] = wire.Clean(strings.ReplaceAll(h.Value(), own.Addr().String(), "ADDRESS"))
		}
	}
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		challenges(a, res, name)
	}
	var names []string
	for _, h := range res.Headers() {
		n := wire.Clean(strings.ToLower(h.Name()))
		// Who else is registered at the moment is no habit of the softswitch.
		if n != "contact" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	a["headers"] = strings.Join(names, ", ")
	return a
}

// items returns the words of a list header, sorted.
func items(res *sip.Response, name string) []string {
	var out []string
	for _, h := range res.GetHeaders(name) {
		for _, item := range strings.Split(h.Value(), ",") {
			if item = wire.Clean(strings.TrimSpace(item)); item != "" {
				out = append(out, item)
			}
		}
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// challenges writes down what a phone is asked to prove, and how.
func challenges(a Answer, res *sip.Response, name string) {
	var realms, algorithms, qops []string
	for _, h := range res.GetHeaders(name) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			a[name] = "cannot be read"
			return
		}
		algorithm := c.Algorithm
		if algorithm == "" {
			algorithm = "MD5" // RFC 7616 §3.3
		}
		realms, algorithms = append(realms, wire.Clean(c.Realm)), append(algorithms, wire.Clean(algorithm))
		qops = append(qops, wire.Clean(strings.Join(c.QOP, "+")))
	}
	if len(realms) == 0 {
		return
	}
	a[name+" realm"], a[name+" algorithm"], a[name+" qop"] = strings.Join(slices.Compact(realms), ", "), strings.Join(algorithms, ", "), strings.Join(slices.Compact(qops), ", ")
}

// granted is how many seconds a login lasts, as the registrar says. Canaries of
// other agents may be among the Contacts: the newest one is ours.
func granted(res *sip.Response) int {
	most := 0
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Params == nil || !strings.HasPrefix(c.Address.User, "sipsteer-") {
			continue
		}
		if v, ok := c.Params.Get("expires"); ok {
			n, _ := strconv.Atoi(v)
			most = max(most, n)
		}
	}
	return most
}
