package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// opensslCert makes a certificate with its key: NAME.pem and NAME.key in dir.
func opensslCert(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed (Debian package openssl)")
	}
	full := append([]string{
		"req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "90", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name,
		"-keyout", filepath.Join(dir, name+".key"), "-out", filepath.Join(dir, name+".pem"),
	}, args...)
	if out, err := exec.Command(path, full...).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
}

// TestCertCheck runs the command as an operator does, before and after one
// certificate goes bad.
func TestCertCheck(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.example.net", "b.example.net"} {
		opensslCert(t, dir, name)
	}
	if r := runProgram(t, nil, "cert", "check", dir); r.code != 0 || !strings.Contains(r.out, "2 with OpenSSL") {
		t.Errorf("good: %+v", r)
	}
	// One octet of b's base64 is lost.
	path := filepath.Join(dir, "b.example.net.pem")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	lines[3] = lines[3][4:]
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runProgram(t, nil, "cert", "check", dir)
	if r.code != 1 || !strings.Contains(r.out, path+": BAD") || !strings.Contains(r.out, "octet") || strings.Contains(r.out, "a.example.net.pem: BAD") {
		t.Errorf("bad: %+v", r)
	}
	var body struct {
		Bad     int
		Reports []struct {
			Source   string
			Findings []struct{ Rule, Field, Severity string }
		}
	}
	if r = runProgram(t, nil, "--json", "cert", "check", path); json.Unmarshal([]byte(r.out), &body) != nil || r.code != 1 || body.Bad != 1 || body.Reports[0].Findings[0].Rule != "der" {
		t.Errorf("JSON: %+v", r)
	}
	for _, args := range [][]string{{}, {"/no/such/place"}, {"--trial", "thrice", dir}, {"--roots", "/no/such/file", dir}, {"--bisect", "true", dir}, {"--bisect", "no-such-command {}", dir}} {
		if r := runProgram(t, nil, append([]string{"cert", "check"}, args...)...); r.code != 2 || !strings.Contains(r.err, "hint:") {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// TestCertBisect finds the certificate that OpenSSL cannot read among 40.
func TestCertBisect(t *testing.T) {
	dir := t.TempDir()
	opensslCert(t, dir, "good")
	good, err := os.ReadFile(filepath.Join(dir, "good.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		text := good
		if i == 23 {
			text = []byte(strings.Replace(string(good), "MII", "MIJ", 1)) // a length that lies
		}
		if err := os.WriteFile(filepath.Join(dir, "t"+string(rune('a'+i/10))+string(rune('0'+i%10))+".pem"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := runProgram(t, nil, "cert", "check", "--bisect", `for f in {}/*.pem; do openssl x509 -in "$f" -noout || exit 1; done`, dir)
	if r.code != 1 || !strings.Contains(r.out, "because of "+filepath.Join(dir, "tc3.pem")) || !strings.Contains(r.out, "octet 1, certificate") {
		t.Errorf("%+v", r)
	}
}
