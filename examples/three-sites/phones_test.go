package threesites_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sipp starts a scenario of SIPp at an address of its own. It sends nothing
// twice: what gets lost is seen.
func (f *fleet) sipp(t *testing.T, scenario, host string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	all := []string{
		"-sf", filepath.Join(f.dir, "testdata", scenario+".xml"), "-s", "bob", "-m", "1", "-t", "u1",
		"-i", f.local("127.10.9." + host), "-p", "5060", "-nostdin", "-nr", "-trace_msg", "-message_file", filepath.Join(dir, "messages"),
	}
	return start(t, dir, scenario, exec.Command(peer(t, "sipp", "sip-tester"), append(all, args...)...))
}

// sent counts the messages of a SIPp process whose text holds all the words.
func (p *process) sent(words ...string) int {
	text, _ := os.ReadFile(filepath.Join(p.cmd.Dir, "messages"))
	n := 0
	for _, m := range strings.Split(string(text), "-----------------------------------------------") {
		_, m, isSent := strings.Cut(m, "message sent")
		for _, w := range words {
			isSent = isSent && strings.Contains(m, w)
		}
		if isSent {
			n++
		}
	}
	return n
}
