package threesites_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reply is what dig (BIND) or kdig (Knot) understood of an answer, in words
// that do not depend on the tool.
type reply struct {
	status, flags                 string
	answer, authority, additional []string // records in master file form, sorted
	edns                          string   // version and UDP size, "" without
	nsid                          string
	over                          string // UDP or TCP
}

// String is the picture that tests compare.
func (r reply) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s over %s", r.status, r.flags, r.over)
	if r.edns != "" {
		fmt.Fprintf(&b, " edns %s", r.edns)
	}
	if r.nsid != "" {
		fmt.Fprintf(&b, " nsid %s", r.nsid)
	}
	b.WriteByte('\n')
	for _, section := range []struct {
		sign    string
		records []string
	}{{"", r.answer}, {"authority ", r.authority}, {"additional ", r.additional}} {
		for _, rec := range section.records {
			fmt.Fprintf(&b, "%s%s\n", section.sign, rec)
		}
	}
	return b.String()
}

var (
	statusLine = regexp.MustCompile(`(?m)^;; ->>HEADER<<- opcode: \w+[;,] status: (\w+)`)
	flagsLine  = regexp.MustCompile(`(?mi)^;; flags: ([a-z ]*);`)
	ednsLine   = regexp.MustCompile(`(?mi)^;.* version: (\d+)[;,] flags:[^;]*; udp(?: size)?: (\d+)`)
	nsidLine   = regexp.MustCompile(`(?mi)^;.*NSID:.*\("?([^")]*)"?\)|^;.*NSID:.*"(.*)"`)
	overLine   = regexp.MustCompile(`(?m)^;; (?:SERVER|From).*\((UDP|TCP)\)`)
	sectionOf  = regexp.MustCompile(`^;; (ANSWER|AUTHORITY|ADDITIONAL) SECTION:`)
)

// parseReply reads what dig or kdig print.
func parseReply(text string) (reply, error) {
	var r reply
	find := func(re *regexp.Regexp) string {
		if m := re.FindStringSubmatch(text); m != nil {
			return strings.Join(strings.Fields(strings.Join(m[1:], " ")), " ")
		}
		return ""
	}
	r.status, r.flags, r.edns, r.nsid, r.over = find(statusLine), find(flagsLine), find(ednsLine), find(nsidLine), find(overLine)
	if r.status == "" || r.over == "" {
		return r, fmt.Errorf("not an answer:\n%s", text)
	}
	var into *[]string
	for line := range strings.Lines(text) {
		if m := sectionOf.FindStringSubmatch(line); m != nil {
			into = map[string]*[]string{"ANSWER": &r.answer, "AUTHORITY": &r.authority, "ADDITIONAL": &r.additional}[m[1]]
			continue
		}
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, ";") || into == nil {
			continue
		}
		*into = append(*into, strings.Join(strings.Fields(line), " "))
	}
	for _, records := range [][]string{r.answer, r.authority, r.additional} {
		slices.Sort(records)
	}
	return r, nil
}

// resolver is one of the two tools with its own words for the same wishes: no
// recursion, one try, three seconds.
type resolver struct {
	path  string
	words []string
}

func resolvers(t *testing.T) map[string]resolver {
	t.Helper()
	return map[string]resolver{
		"kdig": {peer(t, "kdig", "knot-dnsutils"), []string{"+nordflag", "+retry=0", "+timeout=3", "+noidn"}},
		"dig":  {peer(t, "dig", "bind9-dnsutils"), []string{"+nordflag", "+retry=0", "+time=3", "+noednsnegotiation"}},
	}
}

// ask puts one question to one name server.
func (r resolver) ask(t *testing.T, server string, question ...string) (reply, error) {
	t.Helper()
	cmd := exec.Command(r.path, slices.Concat([]string{"@" + server, "-p", "5300"}, r.words, question)...)
	got := output(t, cmd)
	return parseReply(got.out + got.err)
}
