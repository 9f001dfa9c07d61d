package rules

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// foreign is what ties the repository to one machine or one company's registry.
// Lines with one of the literals are looked at with the expression. Each is
// written so that this file does not match itself.
var foreign = []struct {
	what     string
	literals []string
	re       *regexp.Regexp
}{
	{"a path of one machine", []string{"/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/"}, regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/(work|root|home|Users)/[a-zA-Z.]`)},
	{
		"a package registry's host",
		[]string{"proxy.gol" + "ang.org", "sum.gol" + "ang.org", "registry.np" + "mjs", "deb.deb" + "ian.org", "archive.ubu" + "ntu", "py" + "pi.org", "docker.i" + "o/", "gh" + "cr.io", "cra" + "tes.io"},
		regexp.MustCompile(`.`),
	},
	{"a note to oneself", []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK"}, regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X:|HA` + `CK)\b`)},
}

func TestTextStandsAlone(t *testing.T) {
	files := tracked(t)
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 || strings.HasSuffix(name, ".sum") {
			continue
		}
		for _, f := range foreign {
			for _, literal := range f.literals {
				if !bytes.Contains(text, []byte(literal)) {
					continue
				}
				for i, line := range strings.Split(string(text), "\n") {
					if strings.Contains(line, literal) && f.re.MatchString(line) {
						t.Errorf("%s:%d: %s: %.120q", name, i+1, f.what, line)
					}
				}
			}
		}
	}
}

// TestTopLevel holds the names that people know.
func TestTopLevel(t *testing.T) {
	allowed := strings.Fields("cmd pkg raftstore dnsserver probes examples go.mod go.sum LICENSE README.md CHANGELOG.md CONTRIBUTING.md docs Makefile .ci .gitignore")
	have := map[string]bool{}
	for _, name := range tracked(t) {
		top, _, _ := strings.Cut(name, "/")
		have[top] = true
	}
	for _, want := range allowed {
		if !have[want] {
			t.Errorf("%s is missing", want)
		}
		delete(have, want)
	}
	for top := range have {
		t.Errorf("%s: not a name of the top level", top)
	}
}

// tracked returns the files that git knows; without git, as in an archive of a
// release, all files.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("git ls-files: %v (this test reads what is committed)", err)
	}
	var files []string
	for _, f := range strings.Split(string(out), "\x00") {
		if f != "" {
			files = append(files, f)
		}
	}
	if len(files) < 100 {
		t.Fatalf("git knows only %d files", len(files))
	}
	return files
}
