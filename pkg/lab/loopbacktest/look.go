package loopbacktest

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
)

// LookPath finds a program of others, also where the path of everybody does not lead.
func LookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	path = filepath.Join("/usr/sbin", name)
	if _, found := os.Stat(path); found == nil {
		return path, nil
	}
	return "", err
}

// Look finds programs of others, or skips the test.
func Look(t testing.TB, names ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range names {
		path, err := LookPath(name)
		if err != nil {
			t.Skipf("%s is not installed", name)
		}
		found[name] = path
	}
	return found
}

// Fill fills a text/template.
func Fill(t testing.TB, text string, values any) string {
	t.Helper()
	var out bytes.Buffer
	if err := template.Must(template.New("").Parse(text)).Execute(&out, values); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// WriteFilled fills a text/template into a file.
func WriteFilled(t testing.TB, file, text string, values any) {
	t.Helper()
	if err := os.WriteFile(file, []byte(Fill(t, text, values)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Peer is a name server of others as a test configures it. Its texts are
// templates.
type Peer struct {
	Program string // as LookPath finds it
	Prepare string // commands to run before, a line each; the test is skipped where one fails
	Args    string
	Config  string // written into the directory as conf, and under the name that PowerDNS insists on
}

// RunPeer runs a name server of others until the test ends. What its texts call
// Dir is a new directory, with files in it.
func RunPeer(t testing.TB, p Peer, values map[string]any, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	values["Dir"] = dir
	config := Fill(t, p.Config, values)
	var err error
	for _, name := range []string{"conf", "pdns.conf"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(config), 0o600))
	}
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(p.Prepare) {
		words := strings.Fields(Fill(t, line, values))
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s cannot be prepared (pdns-backend-lmdb missing?): %v: %s", p.Program, err, out)
		}
	}
	Run(t, p.Program, strings.Fields(Fill(t, p.Args, values))...)
}

// Delv is BIND's validator, with one key that it trusts.
type Delv struct {
	program, anchors, root string
}

// NewDelv trusts what a DNSKEY record of root says: flags, protocol, algorithm and
// key, in the words of a zone file.
func NewDelv(t testing.TB, program, root, dnskey string) Delv {
	t.Helper()
	words := strings.Fields(dnskey)
	if len(words) < 4 {
		t.Fatalf("a trusted key of four words: %q", dnskey)
	}
	d := Delv{program: program, anchors: filepath.Join(t.TempDir(), "anchors"), root: strings.TrimSuffix(root, ".")}
	text := fmt.Sprintf("trust-anchors { %s. static-key %s %s %s %q; };\n", d.root, words[0], words[1], words[2], strings.Join(words[3:], ""))
	if err := os.WriteFile(d.anchors, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// Ask asks a server and proves the answer. It returns what delv prints, and how
// it ended: it fails where nothing was answered or nothing could be proven.
func (d Delv) Ask(t testing.TB, server netip.AddrPort, name, qtype string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), d.program, "@"+server.Addr().String(), "-p", strconv.Itoa(int(server.Port())), "-a", d.anchors, "+root="+d.root, name, qtype).CombinedOutput()
	return string(out), err
}
