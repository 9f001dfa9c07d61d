package phones

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

// phone is one device. Its goroutine owns all of it.
type phone struct {
	id    int
	group Group
	crowd *Crowd
	res   *resolver
	rnd   *rand.Rand
	tls   *tls.Config

	link   *link // to where it is registered; nil when nowhere
	list   []netip.AddrPort
	index  int // into list, of Follows503
	callID string
	cseq   int
}

// run registers again and again until ctx ends.
func (p *phone) run(ctx context.Context) {
	defer func() { p.link.close() }()
	if pause.For(ctx, p.spread(p.crowd.cfg.StartSpread)) != nil {
		return
	}
	for ctx.Err() == nil {
		wait := p.refreshTime()
		if !p.register(ctx) {
			p.crowd.lost(p)
			wait = p.spread(p.crowd.cfg.Refresh)/2 + p.crowd.cfg.Refresh/4 // back off, but not as one
		}
		p.wait(ctx, wait)
	}
}

// wait lasts until the next refresh, or until the connection dies: phones that
// notice it register again at once.
func (p *phone) wait(ctx context.Context, d time.Duration) {
	var dead <-chan struct{}
	if p.link != nil && p.link.transport.Stream() {
		dead = p.link.closed
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-dead:
		p.drop()
		_ = pause.For(ctx, p.spread(200*time.Millisecond))
	}
}

func (p *phone) drop() {
	p.link.close()
	p.link = nil
}

func (p *phone) spread(d time.Duration) time.Duration {
	return time.Duration(p.rnd.Float64() * float64(d))
}

// refreshTime is the refresh interval with ±20 %.
func (p *phone) refreshTime() time.Duration {
	return time.Duration(float64(p.crowd.cfg.Refresh) * (0.8 + 0.4*p.rnd.Float64()))
}

// register goes through the targets until one accepts.
func (p *phone) register(ctx context.Context) bool {
	targets, err := p.targets(ctx)
	if err != nil {
		return false
	}
	for i, to := range targets {
		err := p.registerAt(ctx, to)
		if err == nil {
			p.crowd.registered(p, to)
			return true
		}
		var refused *statusError
		if errors.As(err, &refused) && refused.code == 503 {
			p.crowd.refused()
		}
		if !p.movesOn(err) || ctx.Err() != nil {
			return false
		}
		if p.group.Kind == Follows503 {
			p.index = (p.index + 1) % len(p.list)
		}
		if i == len(targets)-1 {
			return false
		}
	}
	return false
}

// movesOn says whether the device tries the next target after the error.
func (p *phone) movesOn(err error) bool {
	var refused *statusError
	if errors.As(err, &refused) {
		return refused.code == 503 // RFC 3263 §4.3; 500 was seen not to move a phone
	}
	return p.group.Kind == SRV || p.group.Kind == LongCache
}

// targets are the servers to try, in order.
func (p *phone) targets(ctx context.Context) ([]netip.AddrPort, error) {
	domain := string(p.group.Service) + "."
	switch p.group.Kind {
	case Pinned:
		return []netip.AddrPort{p.group.Server}, nil
	case AOnly:
		a, err := p.res.address(ctx, domain)
		return []netip.AddrPort{netip.AddrPortFrom(a, p.crowd.cfg.Port(p.group.Transport))}, err
	case Follows503:
		if p.list == nil {
			list, err := p.resolve(ctx, domain)
			if err != nil {
				return nil, err
			}
			p.list = list
		}
		return append(append([]netip.AddrPort{}, p.list[p.index:]...), p.list[:p.index]...), nil
	}
	return p.resolve(ctx, domain)
}

// resolve goes from NAPTR to SRV to addresses (RFC 3263 §4.1, §4.2).
func (p *phone) resolve(ctx context.Context, domain string) ([]netip.AddrPort, error) {
	owner := p.res.naptr(ctx, domain, p.group.Transport.NAPTRService())
	if owner == "" {
		owner = p.group.Transport.Label() + "." + domain
	}
	set, err := p.res.srv(ctx, owner)
	if err != nil {
		return nil, err
	}
	return p.addresses(ctx, set)
}

func (p *phone) addresses(ctx context.Context, set []srv.SRV) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	var last error
	for _, s := range set {
		a, err := p.res.address(ctx, s.Target)
		if err != nil {
			last = err
			continue
		}
		out = append(out, netip.AddrPortFrom(a, s.Port))
	}
	if len(out) == 0 {
		return nil, last
	}
	return out, nil
}

// statusError is a final response that is no success.
type statusError struct{ code int }

func (e *statusError) Error() string { return "status " + strconv.Itoa(e.code) }

// registerAt sends REGISTER to one server, over the link that is there or a
// new one. On success that link is the phone's.
func (p *phone) registerAt(ctx context.Context, to netip.AddrPort) error {
	l := p.link
	if l == nil || l.remote != to {
		var err error
		if l, err = dial(ctx, p.group.Transport, to, p.tls, p.crowd.cfg.TimerF); err != nil {
			return err
		}
	}
	keep := false
	defer func() {
		if !keep && l != p.link {
			l.close()
		}
	}()
	p.cseq++
	aor := fmt.Sprintf("sip:%s@%s", p.user(), p.group.Service)
	r := request{
		method: sip.REGISTER, uri: "sip:" + string(p.group.Service), from: fmt.Sprintf("<%s>;tag=r%d", aor, p.id), to: "<" + aor + ">",
		callID: p.callID, cseq: p.cseq, branch: newBranch(p.rnd), via: viaOf(l),
		headers: []string{
			fmt.Sprintf("Contact: <sip:%s@%s;transport=%s>", p.user(), l.local(), l.transport),
			"Expires: " + strconv.Itoa(int(2*p.crowd.cfg.Refresh/time.Second)+1), "User-Agent: " + userAgents[p.group.Kind],
		},
	}
	res, err := l.do(ctx, r, p.crowd.cfg.T1, p.crowd.cfg.TimerF)
	if err != nil {
		if l == p.link {
			p.drop()
		}
		return err
	}
	if res.StatusCode != 200 {
		return &statusError{res.StatusCode}
	}
	keep = true
	if l != p.link {
		p.link.close()
		p.link = l
	}
	return nil
}

func (p *phone) user() string { return fmt.Sprintf("phone%04d", p.id) }

func viaOf(l *link) string {
	return strings.ToUpper(l.transport.String()) + " " + l.local().String()
}

// userAgents name the kinds at the gate.
var userAgents = map[Kind]string{
	SRV: "LabPhone/1.0 (srv)", LongCache: "LabPhone/1.0 (long-cache)", Follows503: "LabPhone/1.0 (follows-503)",
	AOnly: "LabTrunk/1.0 (a-only)", Pinned: "LabTrunk/1.0 (pinned)",
}

func tlsFor(base *tls.Config, service fleet.ServiceID) *tls.Config {
	if base == nil {
		return nil
	}
	c := base.Clone()
	c.ServerName = string(service) // the SIP domain, not the target (RFC 5922 §7)
	return c
}
