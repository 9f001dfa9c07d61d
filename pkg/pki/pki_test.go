package pki_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/pki"
)

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority("voice.example.net", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func identity(t *testing.T, a *pki.Authority, name string, at time.Time) *pki.Identity {
	t.Helper()
	i, err := pki.Found(t.TempDir(), a, name, []string{"127.0.0.1", "host.example"}, at)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func anyone(pki.Peer) error { return nil }

// exchange has a client say hello to a server and returns both errors.
func exchange(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := pki.Listen(inner, server)
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		b := make([]byte, 5)
		if _, err = io.ReadFull(c, b); err == nil {
			_, err = c.Write(b)
		}
		done <- err
	}()
	c, err := pki.Dial(t.Context(), (&net.Dialer{}).DialContext, inner.Addr().String(), client)
	if err == nil {
		_, err = c.Write([]byte("hello"))
		if err == nil { // TLS 1.3: the server's refusal comes with the first read
			_, err = io.ReadFull(c, make([]byte, 5))
		}
		c.Close()
	}
	return <-done, err
}

func TestOnlyIdentitiesOfTheFleetSpeak(t *testing.T) {
	ours, theirs := authority(t), authority(t)
	now := time.Now()
	calgary, ottawa := identity(t, ours, "calgary", now), identity(t, ours, "ottawa", now)
	foreign := identity(t, theirs, "ottawa", now)
	old := identity(t, ours, "ottawa", now.Add(-pki.IdentityLife-2*time.Hour))
	nobody := &tls.Config{InsecureSkipVerify: true}
	server := func(allow func(pki.Peer) error) *tls.Config { return calgary.Server(true, time.Now, allow) }

	if s, c := exchange(t, server(anyone), ottawa.Client("calgary", time.Now, anyone)); s != nil || c != nil {
		t.Errorf("two agents of one fleet: %v, %v", s, c)
	}
	revoked := func(pki.Peer) error { return pki.ErrRevoked }
	for name, tc := range map[string]struct {
		server, client *tls.Config
		want           error
	}{
		"no certificate":        {server(anyone), nobody, nil},
		"another authority":     {server(anyone), foreign.Client("", time.Now, anyone), pki.ErrStranger},
		"certificate has ended": {server(anyone), old.Client("calgary", time.Now, anyone), pki.ErrStranger},
		"revoked":               {server(revoked), ottawa.Client("calgary", time.Now, anyone), pki.ErrRevoked},
		"another agent's name":  {server(anyone), ottawa.Client("vancouver", time.Now, anyone), pki.ErrStranger},
		"server of others":      {foreign.Server(false, time.Now, anyone), ottawa.Client("", time.Now, anyone), pki.ErrStranger},
		"TLS 1.2":               {server(anyone), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := exchange(t, tc.server, tc.client)
			if s == nil || c == nil {
				t.Fatalf("they spoke: server %v, client %v", s, c)
			}
			if tc.want != nil && !errors.Is(s, tc.want) && !errors.Is(c, tc.want) {
				t.Errorf("server %v, client %v, want %v", s, c, tc.want)
			}
		})
	}
}

// Raft in clear gets nothing out of the listener.
func TestConnectionWithoutHandshakeIsEnded(t *testing.T) {
	i := identity(t, authority(t), "calgary", time.Now())
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := pki.Listen(inner, i.Server(true, time.Now, anyone))
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("\x00\x00 this is Raft without TLS")); err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n, err := s.Read(make([]byte, 100)); n != 0 || err == nil {
		t.Errorf("%d octets before a handshake, %v", n, err)
	}
}

func TestJoiningAgentKnowsTheFleetByItsFingerprint(t *testing.T) {
	ours, theirs := authority(t), authority(t)
	calgary := identity(t, ours, "calgary", time.Now())
	var found *pki.Authority
	pin := func(a *pki.Authority) *tls.Config {
		return pki.Pinned(a.Fingerprint(), time.Now, func(a *pki.Authority) { found = a })
	}
	if s, c := exchange(t, calgary.Server(false, time.Now, anyone), pin(ours)); s != nil || c != nil || found.Fingerprint() != ours.Fingerprint() || found.Holds() {
		t.Errorf("the right fleet: %v, %v", s, c)
	}
	found = nil
	if _, c := exchange(t, calgary.Server(false, time.Now, anyone), pin(theirs)); !errors.Is(c, pki.ErrStranger) || found != nil {
		t.Errorf("another fleet: %v", c)
	}
}

func TestKeysThatOthersMayReadAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := pki.Load(dir); !errors.Is(err, pki.ErrNoIdentity) {
		t.Errorf("empty directory: %v", err)
	}
	if _, err := pki.Found(dir, authority(t), "calgary", nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"agent.key", "ca.key"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := pki.Load(dir); !errors.Is(err, pki.ErrWide) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("%s readable by a group: %v", name, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRenewal(t *testing.T) {
	a := authority(t)
	start := time.Now()
	i := identity(t, a, "calgary", start)
	if i.Due(start.Add(50*24*time.Hour)) || !i.Due(start.Add(70*24*time.Hour)) {
		t.Error("due at the wrong time")
	}
	later := start.Add(70 * 24 * time.Hour)
	request, err := i.Request()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(request, "ottawa", nil, later); err == nil {
		t.Error("a request for calgary was signed for ottawa")
	}
	next, err := a.Issue(request, "calgary", nil, later)
	if err != nil {
		t.Fatal(err)
	}
	other := identity(t, a, "calgary", later)
	otherRequest, err := other.Request()
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := a.Issue(otherRequest, "calgary", nil, later)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Replace(wrong.Raw, later); err == nil {
		t.Error("took a certificate for another key")
	}
	if err := i.Replace(next.Raw, later); err != nil || i.Due(later) || !i.Self().Until.Equal(next.NotAfter) {
		t.Errorf("renewed until %s, %v", i.Self().Until, err)
	}
}

// TestAdmit: what the authority has signed elsewhere is believed of whom it names,
// when whoever shows it has its key.
func TestAdmit(t *testing.T) {
	now := time.Now()
	authority, err := pki.NewAuthority("fleet", now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.NewAuthority("other", now)
	if err != nil {
		t.Fatal(err)
	}
	made := func(by *pki.Authority, agent string) (leaf, request []byte) {
		t.Helper()
		id, err := pki.Found(t.TempDir(), by, agent, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if request, err = id.Request(); err != nil {
			t.Fatal(err)
		}
		return id.Certificate(), request
	}
	leaf, request := made(authority, "edmonton")
	another, anothers := made(authority, "calgary")
	foreign, foreigns := made(other, "edmonton")
	cert, _, err := authority.Export()
	if err != nil {
		t.Fatal(err)
	}
	withoutKey, err := pki.Import(cert, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		leaf, request []byte
		at            time.Time
		want          string
	}{
		"its own":             {leaf, request, now, ""},
		"another agent's":     {another, anothers, now, `of agent "calgary"`},
		"another authority's": {foreign, foreigns, now, "not an identity of this fleet"},
		"without the key":     {leaf, anothers, now, "for another key"},
		"ended":               {leaf, request, now.Add(pki.IdentityLife + time.Hour), "not an identity of this fleet"},
		"no certificate":      {[]byte("x"), request, now, "read certificate"},
		"no request":          {leaf, []byte("x"), now, "read certificate request"},
		"a request cut short": {leaf, request[:len(request)-9], now, "read certificate request"},
		"a request changed":   {leaf, flipped(request), now, "read certificate request"},
	} {
		_, err := withoutKey.Admit(tt.leaf, tt.request, "edmonton", tt.at)
		if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// flipped changes the last octet, which is of the signature.
func flipped(der []byte) []byte {
	out := slices.Clone(der)
	out[len(out)-1] ^= 1
	return out
}
