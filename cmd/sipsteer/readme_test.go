package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme runs the session that the README shows, in a lab, and compares
// what it prints. Times and the leader's name may differ; a line "…" stands for
// any number of lines. A command that only looks is repeated until what was
// broken has been noticed.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	session := readmeSession(string(text))
	if len(session) < 3 {
		t.Fatalf("found %d commands in the README", len(session))
	}
	l := newLab(t)
	eventually(t, "all is up", patience, func() bool {
		for _, s := range l.status().Sites {
			for _, state := range s.Transports {
				if state != "up" {
					return false
				}
			}
		}
		return true
	})
	for _, step := range session {
		var got []string
		same := func() bool {
			r := runProgram(t, l.env(), step.args...)
			got = lines(r.out + r.err)
			return matches(step.want, got)
		}
		if step.args[0] == "status" {
			poll(patience, same)
		} else {
			same()
		}
		if !matches(step.want, got) {
			t.Errorf("$ sipsteer %s\nREADME shows:\n%s\nit prints:\n%s", strings.Join(step.args, " "), strings.Join(step.want, "\n"), strings.Join(got, "\n"))
		}
	}
}

// shown is one command of a session and what it prints.
type shown struct {
	args, want []string
}

// readmeSession returns the commands of the first block marked console.
func readmeSession(text string) []shown {
	_, block, _ := strings.Cut(text, "```console\n")
	block, _, _ = strings.Cut(block, "```")
	var out []shown
	for _, line := range lines(block) {
		if command, is := strings.CutPrefix(line, "$ sipsteer "); is {
			out = append(out, shown{args: words(command)})
			continue
		}
		if len(out) > 0 {
			out[len(out)-1].want = append(out[len(out)-1].want, line)
		}
	}
	return out
}

var word = regexp.MustCompile(`"[^"]*"|\S+`)

// words splits a command line as a shell would, for double quotes.
func words(s string) []string {
	out := word.FindAllString(s, -1)
	for i := range out {
		out[i] = strings.Trim(out[i], `"`)
	}
	return out
}

// varying matches what differs from run to run.
var varying = regexp.MustCompile(`\d\d:\d\d:\d\d|leader \w+|seen by \w+|epoch \d+`)

// lines splits a text, takes out what varies and the blanks that it moves.
func lines(s string) []string {
	var out []string
	for _, line := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		out = append(out, strings.TrimRight(varying.ReplaceAllString(line, "*"), " "))
	}
	return out
}

// matches compares lines, where "…" stands for any number of them.
func matches(want, got []string) bool {
	gap := slices.Index(want, "…")
	if gap < 0 {
		return slices.Equal(want, got)
	}
	head, tail := want[:gap], want[gap+1:]
	return len(got) >= len(head)+len(tail) && slices.Equal(head, got[:len(head)]) && slices.Equal(tail, got[len(got)-len(tail):])
}
