package syslog

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
)

// TestRsyslog: the real one reads each message whole, fields and all, over TCP and,
// where it has GnuTLS, over TLS.
func TestRsyslog(t *testing.T) {
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		if program = "/usr/sbin/rsyslogd"; !exists(program) {
			t.Skip("no rsyslogd (Debian's package rsyslog)")
		}
	}
	for _, network := range []string{"tcp", "tls"} {
		t.Run(network, func(t *testing.T) {
			if modules, _ := filepath.Glob("/usr/lib/*/rsyslog/lmnsd_gtls.so"); network == "tls" && len(modules) == 0 {
				t.Skip("rsyslogd has no GnuTLS (Debian's package rsyslog-gnutls)")
			}
			dir, at := t.TempDir(), loopbacktest.AddrPort(t, 6514)
			pair, roots := certificateFor(t, at.Addr())
			writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", pair.Certificate[0])
			key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", key)
			out := filepath.Join(dir, "out")
			stream := ""
			if network == "tls" {
				stream = ` streamdriver.name="gtls" streamdriver.mode="1" streamdriver.authmode="anon"`
			}
			conf := fmt.Sprintf(`global(workDirectory="%s" defaultNetstreamDriverCAFile="%[1]s/cert.pem" defaultNetstreamDriverCertFile="%[1]s/cert.pem" defaultNetstreamDriverKeyFile="%[1]s/key.pem")
module(load="imtcp"%s)
template(name="fields" type="string" string="%%pri%%|%%hostname%%|%%app-name%%|%%msgid%%|%%structured-data%%|%%msg%%\n")
ruleset(name="all") { action(type="omfile" file="%s" template="fields" asyncWriting="off") }
input(type="imtcp" address="%s" port="%d" ruleset="all")
`, dir, stream, out, at.Addr(), at.Port())
			if err := os.WriteFile(filepath.Join(dir, "rsyslog.conf"), []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			loopbacktest.Run(t, program, "-n", "-f", filepath.Join(dir, "rsyslog.conf"), "-i", filepath.Join(dir, "pid"))
			s := sender(t, network+"://"+at.String(), func(c *Config) { c.Roots = roots })
			eventually(t, func() bool { return s.Send(t.Context(), lines(0, 1)) == nil }) // it listens
			if err := s.Send(t.Context(), lines(1, 2000)); err != nil {
				t.Fatal(err)
			}
			var got []string
			eventually(t, func() bool {
				text, _ := os.ReadFile(out)
				got = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
				return len(got) >= 2000
			})
			for i, l := range got {
				if want := fmt.Sprintf("109|calgary|sipsteer|drain|[sipsteer@32473 index=\"%d\"]|\ufeffd\u00e9part %d", i, i); l != want {
					t.Fatalf("message %d: %q, want %q", i, l, want)
				}
			}
		})
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
