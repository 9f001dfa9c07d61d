package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

// TestOnlyTheFleetIsLetIn knocks at every door of an agent as somebody who does
// not belong there, and as somebody who does.
func TestOnlyTheFleetIsLetIn(t *testing.T) {
	l := newLab(t)
	p := l.place(0)
	token, err := os.ReadFile(filepath.Join(l.dir, "operator.token"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := pki.Load(filepath.Join(l.dir, "data", "ottawa", "pki"))
	if err != nil {
		t.Fatal(err)
	}
	others, err := pki.NewAuthority("others", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := pki.Found(t.TempDir(), others, "ottawa", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	anyone := func(pki.Peer) error { return nil }

	for name, tc := range map[string]struct {
		url, token string
		tls        *tls.Config
		want       int // 0: no answer at all
	}{
		"in clear":                     {url: "http://" + p.API.String() + "/v1/status", want: http.StatusBadRequest},
		"nobody":                       {url: "/v1/status", tls: own.Authority().Client("calgary", time.Now), want: 403},
		"nobody asks whether it lives": {url: "/healthz", tls: own.Authority().Client("calgary", time.Now), want: 200},
		"a wrong token":                {url: "/v1/status", token: "sipsteer-op-admin.xyz", tls: own.Authority().Client("calgary", time.Now), want: 403},
		"the admin":                    {url: "/v1/status", token: strings.TrimSpace(string(token)), tls: own.Authority().Client("calgary", time.Now), want: 200},
		"the admin as an agent":        {url: "/v1/peer/effect", token: strings.TrimSpace(string(token)), tls: own.Authority().Client("calgary", time.Now), want: 403},
		"an agent":                     {url: "/v1/peer/effect", tls: own.Client("calgary", time.Now, anyone), want: 200},
		"an agent as an admin":         {url: "/v1/operators", tls: own.Client("calgary", time.Now, anyone), want: 403},
		"an agent of another fleet":    {url: "/v1/peer/effect", tls: &tls.Config{InsecureSkipVerify: true, GetClientCertificate: stranger.Client("", time.Now, anyone).GetClientCertificate}},
	} {
		if strings.HasPrefix(tc.url, "/") {
			tc.url = "https://" + p.API.String() + tc.url
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tc.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.token != "" {
			req.Header.Set("Authorization", "Bearer "+tc.token)
		}
		transport := &http.Transport{TLSClientConfig: tc.tls}
		resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(req)
		got := 0
		if err == nil {
			got = resp.StatusCode
			resp.Body.Close()
		}
		if got != tc.want {
			t.Errorf("%s: status %d, want %d (%v)", name, got, tc.want, err)
		}
		transport.CloseIdleConnections()
	}

	// Raft says nothing to anyone without an identity.
	for name, cfg := range map[string]*tls.Config{
		"no certificate":            {InsecureSkipVerify: true},
		"an agent of another fleet": {InsecureSkipVerify: true, GetClientCertificate: stranger.Client("", time.Now, anyone).GetClientCertificate},
		"in clear":                  nil,
	} {
		if answer := knock(t, p.Raft.String(), cfg); answer != "" {
			t.Errorf("Raft, %s: answered %q", name, answer)
		}
	}
}

// knock sends a Raft message of an unknown kind and returns what comes back
// after a handshake.
func knock(t *testing.T, address string, cfg *tls.Config) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(7 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if cfg != nil {
		c = tls.Client(c, cfg)
	}
	if _, err := c.Write([]byte{1, 0x80}); err != nil {
		return ""
	}
	b, _ := io.ReadAll(c)
	if cfg == nil && len(b) > 0 && b[0] == 21 { // a TLS alert says only that it is no TLS
		return ""
	}
	return string(b)
}

// TestOperatorsAtTheCommandLine gives, uses and takes powers.
func TestOperatorsAtTheCommandLine(t *testing.T) {
	l := newLab(t)
	if n := len(filepath.Join(l.dir, "data", "calgary", "api.sock")); n > 100 {
		t.Fatalf("the socket's path has %d octets; choose a shorter TMPDIR", n)
	}
	token := filepath.Join(l.dir, "viewer.token")
	l.must(0, "operator", "set", "eve", "--role", "viewer", "--out", token)
	clientFile := filepath.Join(l.dir, "eve.yaml")
	text, err := os.ReadFile(filepath.Join(l.dir, "client.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(clientFile, strings.Replace(string(text), "operator.token", "viewer.token", 1), 0o600)
	l.must(0, "status", "--config", clientFile)
	drain := []string{"drain", "calgary", "--now", "--reason", "r", "--for", "1h", "--yes"}
	if r := l.must(3, append(drain, "--config", clientFile)...); !strings.Contains(r.err, "eve has role viewer; this needs operator") {
		t.Errorf("drain by a viewer: %s", r.err)
	}
	l.must(3, "operator", "list", "--config", clientFile)
	if r := l.must(0, "operator", "list"); !strings.Contains(r.out, "eve") || !strings.Contains(r.out, "viewer") {
		t.Errorf("operators:\n%s", r.out)
	}
	l.must(0, append(drain, "--owner", "carol")...)
	if r := l.must(0, "history", "--limit", "3"); !strings.Contains(r.out, "carol via admin") {
		t.Errorf("the audit trail does not say whose token it was:\n%s", r.out)
	}
	l.must(0, "operator", "drop", "eve")
	if r := l.must(3, "status", "--config", clientFile); !strings.Contains(r.err, "no longer") {
		t.Errorf("status with a dropped token: %s", r.err)
	}

	// A token that others may read is refused; root at the socket needs none.
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := l.must(2, "status", "--config", clientFile); !strings.Contains(r.err, "chmod 600") {
		t.Errorf("wide token: %s", r.err)
	}
	socket := filepath.Join(l.dir, "data", "calgary", "api.sock")
	root := filepath.Join(l.dir, "root.yaml")
	write(root, fmt.Sprintf("format: 1\nagents: [{name: calgary, api: \"unix://%s\"}]\n", socket), 0o600)
	l.must(0, "operator", "list", "--config", root)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}

	// An agent does not start with a key that others may read, or with none.
	l.down()
	dir := filepath.Join(l.dir, "data", "calgary", "pki")
	if err := os.Chmod(filepath.Join(dir, "agent.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(l.dir, "calgary.yaml")
	if r := l.must(1, "agent", "--config", file); !strings.Contains(r.err, "chmod 600 "+filepath.Join(dir, "agent.key")) {
		t.Errorf("agent with a wide key: %s", r.err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if r := l.must(2, "agent", "--config", file); !strings.Contains(r.err, "has no identity") || !strings.Contains(r.err, "agent init") {
		t.Errorf("agent without an identity: %s", r.err)
	}
}

// TestOwnAuthority gives a fleet identities of the operator's own authority, made
// with OpenSSL as docs/identities.md says, and takes one more agent in with such.
func TestOwnAuthority(t *testing.T) {
	loopbacktest.Look(t, "openssl")
	l := newLab(t)
	l.down()
	openssl := func(args string, more ...string) {
		t.Helper()
		cmd := exec.Command("openssl", append(strings.Fields(args), more...)...)
		cmd.Dir = l.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args, err, out)
		}
	}
	const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
	openssl("req -x509 "+key+" -keyout own-ca.key -out own-ca.pem -days 3650", "-subj", "/CN=our fleet")
	give := func(agent, as string) {
		t.Helper()
		openssl("req " + key + " -keyout agent.key -out agent.csr -subj /CN=" + as)
		text := "subjectAltName = URI:sipsteer:agent/" + as + "\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = serverAuth, clientAuth\nbasicConstraints = critical, CA:FALSE\n"
		if err := os.WriteFile(filepath.Join(l.dir, "agent.ext"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		openssl("x509 -req -in agent.csr -CA own-ca.pem -CAkey own-ca.key -CAcreateserial -days 365 -extfile agent.ext -out agent.pem")
		dir := filepath.Join(l.dir, "data", agent, "pki")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{"own-ca.pem": "ca.pem", "agent.pem": "agent.pem", "agent.key": "agent.key"} {
			file, err := os.ReadFile(filepath.Join(l.dir, from))
			if err := errors.Join(err, os.WriteFile(filepath.Join(dir, to), file, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, site := range lab.Sites() {
		give(string(site), string(site))
		if err := os.Remove(filepath.Join(l.dir, "data", string(site), "pki", "ca.key")); err != nil {
			t.Fatal(err)
		}
	}
	l.up()
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")

	file := l.fourth("edmonton")
	token := strings.TrimSpace(l.must(0, "agent", "invite", "edmonton").out)
	if r := l.run("agent", "join", "--config", file, "--token", token); r.code == 0 || !strings.Contains(r.err, "does not hold the key") || !strings.Contains(r.err, "docs/identities.md") {
		t.Errorf("join with nothing to show: %d %s", r.code, r.err)
	}
	give("edmonton", "calgary")
	if r := l.run("agent", "join", "--config", file, "--token", token); r.code == 0 || !strings.Contains(r.err, `the identity of agent "calgary"`) {
		t.Errorf("join as another agent: %d %s", r.code, r.err)
	}
	give("edmonton", "edmonton")
	l.must(0, "agent", "join", "--config", file, "--token", token)
	l.runAgent(file)
	eventually(t, "edmonton votes", patience, func() bool { return l.member("edmonton") == "voter" })
	if r := l.must(2, "agent", "join", "--config", file, "--token", token); !strings.Contains(r.err, "in a fleet already") {
		t.Errorf("join again: %s", r.err)
	}
}
