package certlint

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/tls"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listener serves a chain, whatever it is, to any number of clients.
func listener(t *testing.T, key crypto.Signer, chain ...[]byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}}).Handshake()
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().String()
}

func TestListener(t *testing.T) {
	ca, key := newAuthority(t, "ca"), newKey(t)
	leaf := ca.issue(t, leafFor("a.example.net"), key)
	addr := listener(t, key, leaf, ca.cert.Raw)
	if got := rules(t, check(t, Config{Domains: []string{"a.example.net"}}, addr), addr); len(got) != 0 {
		t.Errorf("found %q", got)
	}
	if got := rules(t, check(t, Config{Domains: []string{"b.example.net"}}, addr), addr); !slices.Equal(got, []string{"bad name"}) {
		t.Errorf("found %q", got)
	}
}

// TestListenerWithMalformedCertificate: Go's client ends such a handshake
// before it shows what came; it is pinpointed all the same.
func TestListenerWithMalformedCertificate(t *testing.T) {
	ca, key := newAuthority(t, "ca"), newKey(t)
	leaf := ca.issue(t, leafFor("a.example.net"), key)
	at := bytes.Index(leaf, []byte{0x17, 0x0d})
	leaf[at+2] = 'x'
	addr := listener(t, key, leaf)
	res := check(t, Config{}, addr)
	f := res.Reports[0].Findings
	if len(f) != 1 || f[0].Rule != ruleDER || *f[0].Offset != at+2 || f[0].Field != "tbsCertificate.validity.notBefore" {
		t.Errorf("found %v", f)
	}
}

func TestNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	if got := rules(t, check(t, Config{}, addr), addr); !slices.Equal(got, []string{"bad listener"}) {
		t.Errorf("found %q", got)
	}
}

// TestOpenSSLServer takes the certificate from openssl s_server.
func TestOpenSSLServer(t *testing.T) {
	path := openssl(t)
	ca, key := newAuthority(t, "ca"), newKey(t)
	dir := write(t, map[string]string{"a.pem": certPEM(ca.issue(t, leafFor("a.example.net"), key)), "a.key": keyPEM(t, key), "ca.pem": certPEM(ca.cert.Raw)})
	file := filepath.Join(dir, "a.pem")
	cmd := exec.CommandContext(t.Context(), path, "s_server", "-accept", "127.0.0.1:0", "-cert", file, "-cert_chain", filepath.Join(dir, "ca.pem"), "-key", filepath.Join(dir, "a.key"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // at its end the server would leave
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var addr string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			addr, _, _ = strings.Cut(rest, " ")
			break
		}
	}
	if addr == "" {
		t.Fatal("openssl s_server did not say where it listens")
	}
	if res := check(t, Config{Domains: []string{"a.example.net"}}, addr); len(res.Reports[0].Findings) > 0 {
		t.Errorf("found %v", res.Reports[0].Findings)
	}
}

// TestTrialWithOpenSSL: an OpenSSL client takes what is good and, asked for
// trust, refuses what is not.
func TestTrialWithOpenSSL(t *testing.T) {
	path := openssl(t)
	ca, stranger, key := newAuthority(t, "ca"), newAuthority(t, "stranger"), newKey(t)
	leaf := leafFor("a.example.net")
	leaf.NotBefore, leaf.NotAfter = now.AddDate(-1, 0, 0), now.AddDate(9, 0, 0) // OpenSSL has the clock's time
	dir := write(t, map[string]string{
		"a.pem": certPEM(ca.issue(t, leaf, key)) + keyPEM(t, key), "ca.crt": certPEM(ca.cert.Raw), "stranger.crt": certPEM(stranger.cert.Raw),
	})
	file := filepath.Join(dir, "a.pem")
	for roots, want := range map[string]bool{"": false, "ca.crt": false, "stranger.crt": true} {
		cfg := Config{Trial: TrialAll, OpenSSL: path}
		if roots != "" {
			cfg.RootsFile = filepath.Join(dir, roots)
		}
		res := check(t, cfg, file)
		if got := slices.Contains(rules(t, res, "a.pem"), "bad trial-openssl"); got != want {
			t.Errorf("roots %q: refused %v, want %v: %v", roots, got, want, res.Reports[0].Findings)
		}
		if !slices.Equal(res.Reports[0].Trials, []string{"go", "openssl"}) {
			t.Errorf("tried with %q", res.Reports[0].Trials)
		}
	}
}
