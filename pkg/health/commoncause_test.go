package health

import (
	"slices"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

func TestCommonCause(t *testing.T) {
	down := func(site fleet.SiteID, k Kind, tr fleet.Transport, c Cause, at time.Duration) Verdict {
		return Verdict{Check: Check{Target: Target{site, fleet.SwitchID(site) + "1", tr}, Kind: k}, Status: Down, Cause: c, Since: t0.Add(at)}
	}
	with := func(certificate string, v Verdict) Verdict {
		v.Certificate = certificate
		return v
	}
	const one, two = "0123456789abcdef0123", "fedcba98765432100123"
	up := down("halifax", Options, fleet.UDP, CauseNone, 0)
	up.Status = Up
	for _, tt := range []struct {
		name     string
		verdicts []Verdict
		want     []string
	}{
		{"one site is no common cause", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0), up,
		}, nil},
		{"two checks of one site are none", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0), down("calgary", Options, fleet.TCP, CauseTimeout, 0),
		}, nil},
		{"two sites inside the window", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0), down("ottawa", Options, fleet.UDP, CauseTimeout, 12*time.Second),
		}, []string{"options over udp failed at calgary and ottawa within 12s: timeout"}},
		{"two sites, but hours apart", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0), down("ottawa", Options, fleet.UDP, CauseTimeout, 2*time.Hour),
		}, nil},
		{"another transport is another fault", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0), down("ottawa", Options, fleet.TCP, CauseTimeout, 0),
		}, nil},
		{"another kind is another fault", []Verdict{
			down("calgary", Options, fleet.TLS, CauseTLSHang, 0), down("ottawa", TLS, fleet.TLS, CauseTLSHang, 0),
		}, nil},
		{"the same check with different causes is still one", []Verdict{
			down("calgary", TLS, fleet.TLS, CauseCertExpired, 0), down("ottawa", TLS, fleet.TLS, CauseTLSHang, time.Second),
		}, []string{"tls over tls failed at calgary and ottawa within 1s: with different causes"}},
		{"a certificate that expires everywhere", []Verdict{
			down("vancouver", TLS, fleet.TLS, CauseCertExpired, 3*time.Second),
			down("calgary", TLS, fleet.TLS, CauseCertExpired, 0), down("ottawa", TLS, fleet.TLS, CauseCertExpired, time.Second),
		}, []string{"tls over tls failed at calgary, ottawa and vancouver within 3s: cert-expired"}},
		{"one certificate, hours apart", []Verdict{
			with(one, down("calgary", TLS, fleet.TLS, CauseCertRevoked, 0)), with(one, down("ottawa", TLS, fleet.TLS, CauseCertRevoked, 5*time.Hour)),
		}, []string{"one certificate, 0123456789abcdef, fails at calgary and ottawa: cert-revoked"}},
		{"two certificates, hours apart", []Verdict{
			with(one, down("calgary", TLS, fleet.TLS, CauseCertExpired, 0)), with(two, down("ottawa", TLS, fleet.TLS, CauseCertExpired, 5*time.Hour)),
		}, nil},
		{"one certificate over two transports", []Verdict{
			with(one, down("calgary", TLS, fleet.TLS, CauseCertName, 0)), with(one, down("ottawa", TLS, fleet.WSS, CauseCertName, time.Second)),
		}, []string{
			"one certificate, 0123456789abcdef, fails at calgary and ottawa: cert-name", "one certificate, 0123456789abcdef, fails at calgary and ottawa: cert-name",
		}},
		{"one certificate inside the window is said once", []Verdict{
			with(one, down("calgary", TLS, fleet.TLS, CauseCertExpired, 0)), with(one, down("ottawa", TLS, fleet.TLS, CauseCertExpired, time.Second)),
		}, []string{"tls over tls failed at calgary and ottawa within 1s: cert-expired, all with the certificate 0123456789abcdef"}},
		{"one certificate at one site", []Verdict{
			with(one, down("calgary", TLS, fleet.TLS, CauseCertExpired, 0)), with(one, down("calgary", TLS, fleet.WSS, CauseCertExpired, 0)),
		}, nil},
		{"poison that follows load from site to site", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0),
			down("ottawa", Options, fleet.UDP, CauseTimeout, 50*time.Second),
			down("vancouver", Options, fleet.UDP, CauseTimeout, 100*time.Second),
		}, []string{"options over udp failed at calgary, ottawa and vancouver within 1m40s: timeout"}},
		{"two faults at once are two", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 0), down("ottawa", Options, fleet.UDP, CauseTimeout, 0),
			down("calgary", TLS, fleet.TLS, CauseTLSHang, 0), down("ottawa", TLS, fleet.TLS, CauseTLSHang, 0),
		}, []string{
			"options over udp failed at calgary and ottawa within 0s: timeout",
			"tls over tls failed at calgary and ottawa within 0s: tls-hang",
		}},
		{"an old fault at one site does not hide a new common one", []Verdict{
			down("halifax", Options, fleet.UDP, CauseTimeout, -time.Hour),
			down("calgary", Options, fleet.UDP, CauseRefused, 0), down("ottawa", Options, fleet.UDP, CauseRefused, 0),
		}, []string{"options over udp failed at calgary and ottawa within 0s: refused"}},
		{"a time stamp from a leader whose clock was ahead counts as now", []Verdict{
			down("calgary", Options, fleet.UDP, CauseTimeout, 9*time.Minute), down("ottawa", Options, fleet.UDP, CauseTimeout, 5*time.Hour),
		}, []string{"options over udp failed at calgary and ottawa within 1m0s: timeout"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range CommonCause(tt.verdicts, time.Minute, t0.Add(10*time.Minute)) {
				got = append(got, c.Sentence)
				if len(c.Sites) < 2 || !slices.IsSorted(c.Sites) {
					t.Errorf("sites %v", c.Sites)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}
