package dnsserver

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The table of what is done of which RFC names tests that exist, and each of
// its rows names one or says "not done".
func TestCoverageNamesTests(t *testing.T) {
	declared := map[string]bool{}
	for _, place := range []string{"*_test.go", "../pkg/srv/*_test.go", "../pkg/steer/*_test.go", "../pkg/agent/*_test.go", "*/*_test.go"} {
		files, err := filepath.Glob(place)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(source, -1) {
				declared[string(m[1])] = true
			}
		}
	}
	table, err := os.ReadFile("../docs/rfc-coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], " RFC") || strings.HasPrefix(cells[1], " ---") {
			continue
		}
		rows++
		names := regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(cells[4], -1)
		if len(names) == 0 && !strings.Contains(cells[3], "not done") {
			t.Errorf("no test: %s", strings.TrimSpace(line))
		}
		for _, n := range names {
			if !declared[n[1]] {
				t.Errorf("no test is called %s: %s", n[1], strings.TrimSpace(line))
			}
		}
	}
	if rows < 40 {
		t.Errorf("%d rows read", rows)
	}
}
