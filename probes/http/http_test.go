package http_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	httpprobe "github.com/sipsteer/sipsteer/probes/http"
)

func address(t *testing.T, s *httptest.Server) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnswers(t *testing.T) {
	strayed := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed = true }))
	defer elsewhere.Close()
	for _, tt := range []struct {
		name   string
		ask    probes.Question
		answer http.HandlerFunc
		cause  health.Cause
	}{
		{"good", probes.Question{}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }, ""},
		{"the path", probes.Question{Path: "/a?b=c"}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RequestURI() != "/a?b=c" || r.Host != "west.example.net" {
				w.WriteHeader(404)
			}
		}, ""},
		{"another status", probes.Question{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, health.CauseStatus},
		{"a status that is meant", probes.Question{Status: []int{401}}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, ""},
		{"a redirect is not followed", probes.Question{}, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, health.CauseStatus},
		{"the text", probes.Question{Contains: "ready"}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "not ready yet") }, ""},
		{"without the text", probes.Question{Contains: "ready"}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "asleep") }, health.CauseContent},
		{"hangs", probes.Question{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, health.CauseTimeout},
		{"hangs in the body", probes.Question{Contains: "x"}, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, health.CauseTimeout},
		{"not HTTP", probes.Question{}, func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_, _ = c.Write([]byte("SIP/2.0 200 OK\r\n\r\n"))
			c.Close()
		}, health.CauseMalformed},
		{"cut", probes.Question{}, func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		}, health.CauseReset},
		{"a body without end", probes.Question{}, func(w http.ResponseWriter, _ *http.Request) {
			for range 64 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			limit := 20 * time.Second
			if tt.cause == health.CauseTimeout {
				limit = 500 * time.Millisecond // runs into it
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got := httpprobe.New().Probe(ctx, probes.Spec{Address: address(t, s), ServerName: "west.example.net", Question: tt.ask})
			if got.Cause != tt.cause {
				t.Errorf("%+v, want cause %q", got, tt.cause)
			}
		})
	}
	if strayed {
		t.Error("a redirect led the probe elsewhere")
	}
}

func TestCertificateIsChecked(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for _, tt := range []struct {
		name  string
		roots *x509.CertPool
		want  health.Cause
	}{{"example.com", roots, ""}, {"west.example.net", roots, health.CauseCertUntrust}, {"example.com", x509.NewCertPool(), health.CauseCertUntrust}} {
		spec := probes.Spec{Address: address(t, s), ServerName: tt.name, Roots: tt.roots, Question: probes.Question{Secure: true}}
		if got := httpprobe.New().Probe(t.Context(), spec); got.Cause != tt.want || strings.ContainsRune(got.Detail, '\n') {
			t.Errorf("%s: %+v, want cause %q", tt.name, got, tt.want)
		}
	}
}
