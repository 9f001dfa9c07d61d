package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Reply is the answer to one question, in words.
type Reply struct {
	RCode         string   `json:"rcode"`
	Authoritative bool     `json:"authoritative"`
	Answer        []string `json:"answer"`
	Authority     []string `json:"authority"`
	Additional    []string `json:"additional"`
	// Server is what the name server calls itself (NSID); "" if it does not say.
	Server string `json:"server,omitempty"`
	// Serial is that of the SOA record in the reply, 0 without one.
	Serial uint32 `json:"serial,omitempty"`
	Octets int    `json:"octets"`
}

// ErrQuestion is returned when a name or a type cannot be asked for.
var ErrQuestion = errors.New("no question")

// newQuestion makes a question of words, with EDNS and NSID.
func newQuestion(name, qtype string) (*dns.Msg, error) {
	t, ok := dns.StringToType[strings.ToUpper(qtype)]
	if !ok {
		return nil, fmt.Errorf("%w: type %q is not known", ErrQuestion, qtype)
	}
	if _, err := packName(name); err != nil {
		return nil, fmt.Errorf("%w: %q is no domain name", ErrQuestion, name)
	}
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), t)
	m.RecursionDesired = false
	m.SetEdns0(defaultUDPSize, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	return m, nil
}

// Ask asks a name server over UDP, and over TCP if the answer did not fit.
// Recursive asks a resolver rather than an authority.
func Ask(ctx context.Context, server netip.AddrPort, name, qtype string, recursive bool) (Reply, error) {
	m, err := newQuestion(name, qtype)
	if err != nil {
		return Reply{}, err
	}
	m.RecursionDesired = recursive
	for _, network := range []string{"udp", "tcp"} {
		r, err := exchangeMessage(ctx, network, server, m)
		if err != nil {
			return Reply{}, fmt.Errorf("ask %s over %s: %w", server, network, err)
		}
		if !r.Truncated || network == "tcp" {
			return replyOf(r), nil
		}
	}
	return Reply{}, nil // never: TCP is the last
}

func exchangeMessage(ctx context.Context, network string, server netip.AddrPort, m *dns.Msg) (*dns.Msg, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c := &dns.Client{Net: network, Timeout: 10 * time.Second, UDPSize: maxUDPSize}
	r, _, err := c.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn, UDPSize: maxUDPSize})
	return r, err
}

// AskZone answers a question from a zone as a server with it would over TCP.
func AskZone(z *srv.Zone, name, qtype string) (Reply, error) {
	m, err := newQuestion(name, qtype)
	if err != nil {
		return Reply{}, err
	}
	if err := z.Check(); err != nil {
		return Reply{}, fmt.Errorf("check zone: %w", err)
	}
	packed, err := pack(z, nil, maphash.MakeSeed())
	if err != nil {
		return Reply{}, fmt.Errorf("pack zone: %w", err)
	}
	msg, err := m.Pack()
	if err != nil {
		return Reply{}, fmt.Errorf("pack question: %w", err)
	}
	conf := Config{UDPSize: defaultUDPSize}
	r := &responder{conf: &conf, zones: &atomic.Pointer[zones]{}, key: &cookieSecret{}, count: &counters{}}
	r.zones.Store(&zones{steered: packed})
	out := new(dns.Msg)
	if err := out.Unpack(r.respond(make([]byte, maxMessage), msg, TCP)); err != nil {
		return Reply{}, fmt.Errorf("read answer: %w", err)
	}
	return replyOf(out), nil
}

func replyOf(m *dns.Msg) Reply {
	r := Reply{RCode: dns.RcodeToString[m.Rcode], Authoritative: m.Authoritative, Octets: m.Len()}
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		list := []string{}
		for _, rr := range section {
			switch rr := rr.(type) {
			case *dns.OPT:
				r.Server = nsidOf(rr)
				continue
			case *dns.SOA:
				r.Serial = rr.Serial
			}
			list = append(list, clean(strings.ReplaceAll(rr.String(), "\t", " ")))
		}
		*[]*[]string{&r.Answer, &r.Authority, &r.Additional}[i] = list
	}
	return r
}

func nsidOf(o *dns.OPT) string {
	for _, e := range o.Option {
		if n, ok := e.(*dns.EDNS0_NSID); ok {
			var text []byte
			if _, err := fmt.Sscanf(n.Nsid, "%x", &text); err == nil {
				return clean(string(text))
			}
		}
	}
	return ""
}
