// Package uac sends one SIP request and waits for its answer, as a probe does:
// it knows the UAC core of RFC 3261 §8.1 and the matching of responses, but no
// transaction timers. The caller's deadline is the only one, so a 408 is always
// the softswitch's own.
package uac

import (
	"crypto/rand"
	"net"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// maxForwards as RFC 3261 §8.1.1.6 recommends.
const maxForwards = 70

// Dialogless describes a request outside any dialog.
type Dialogless struct {
	Method    sip.RequestMethod
	Transport fleet.Transport
	Local     net.Addr // of the connection it will be sent over: Via and Contact
	// Recipient is the Request-URI.
	Recipient sip.Uri
	// From and To are addresses of record.
	From, To sip.Uri
	// ContactUser is the user part of Contact; empty means that of From.
	ContactUser string
	// UserAgent is named in the request.
	UserAgent string
	// MaxForwards of the request; nil is 70.
	MaxForwards *int
}

// New builds the request with a branch, Call-ID and From tag of its own
// (RFC 3261 §8.1.1). They are random, so that nobody off the path can answer.
func New(d Dialogless) *sip.Request {
	local := addrPort(d.Local)
	req := sip.NewRequest(d.Method, d.Recipient)

	via := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: strings.ToUpper(d.Transport.String()),
		Host: local.Addr().String(), Port: int(local.Port()), Params: sip.NewParams(),
	}
	via.Params.Add("branch", NewBranch())
	via.Params.Add("rport", "") // RFC 3581 §3
	req.AppendHeader(via)
	hops := sip.MaxForwardsHeader(maxForwards)
	if d.MaxForwards != nil {
		hops = sip.MaxForwardsHeader(*d.MaxForwards)
	}
	req.AppendHeader(&hops)

	from := &sip.FromHeader{Address: d.From, Params: sip.NewParams()}
	from.Params.Add("tag", rand.Text())
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: d.To, Params: sip.NewParams()})
	callID := sip.CallIDHeader(rand.Text())
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: d.Method})
	user := d.ContactUser
	if user == "" {
		user = d.From.User
	}
	contact := AddressURI(user, d.Transport, local)
	req.AppendHeader(&sip.ContactHeader{Address: contact, Params: sip.NewParams()})
	req.AppendHeader(sip.NewHeader("User-Agent", d.UserAgent))
	req.SetBody(nil) // adds Content-Length: 0
	return req
}

// NewBranch returns a random branch with the magic cookie (RFC 3261 §8.1.1.7).
func NewBranch() string { return "z9hG4bK" + rand.Text() }

// AddressURI returns sip:user@address;transport=… for an address. The parameter
// of wss is ws too (RFC 7118 §5.2.1).
func AddressURI(user string, transport fleet.Transport, addr netip.AddrPort) sip.Uri {
	uri := sip.Uri{Scheme: "sip", User: user, Host: addr.Addr().Unmap().WithZone("").String(), Port: int(addr.Port()), UriParams: sip.NewParams()}
	if transport == fleet.WSS {
		transport = fleet.WS
	}
	uri.UriParams.Add("transport", transport.String())
	return uri
}

// Next turns req into the request that follows it to the same registrar: the
// same Call-ID and From tag, the next CSeq and a new branch (RFC 3261 §10.2,
// §22.2).
func Next(req *sip.Request) {
	req.CSeq().SeqNo++
	req.Via().Params.Add("branch", NewBranch())
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	case *net.TCPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
