package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestStatusNamesConcerns: the first few, one line each with the command to type,
// however many there are and however long they are; none makes no line.
func TestStatusNamesConcerns(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)
	for _, n := range []int{0, 1, concernLines, concernLines + 1, 100} {
		var st api.Status
		for i := range n {
			st.Concerns = append(st.Concerns, api.ConcernStatus{Grade: "broken", Text: fmt.Sprintf("no. %d \x1b[2J%s", i, strings.Repeat("é", 300)), Next: "sipsteer doctor a", Since: now})
		}
		var b strings.Builder
		writeConcerns(&b, palette{}, st)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if n == 0 {
			if b.Len() > 0 {
				t.Errorf("of nothing: %q", b.String())
			}
			continue
		}
		if want := min(n, concernLines) + 1; len(lines) != want || !strings.Contains(lines[want-1], "sipsteer readiness") {
			t.Errorf("of %d: %q", n, lines)
		}
		for i, l := range lines[:len(lines)-1] {
			if !strings.HasPrefix(l, fmt.Sprintf("concern (broken, since 2026-05-04 03:00): no. %d ", i)) || !strings.HasSuffix(l, "…; next: sipsteer doctor a") || strings.Contains(l, "\x1b") || len([]rune(l)) > 200 {
				t.Errorf("line %d: %q", i, l)
			}
		}
	}
}

// TestAcknowledgedConcernsHaveALine: and are none of those that are counted.
func TestAcknowledgedConcernsHaveALine(t *testing.T) {
	until := time.Date(2026, 5, 11, 3, 0, 0, 0, time.UTC)
	var st api.Status
	for i := range concernLines {
		st.Concerns = append(st.Concerns, api.ConcernStatus{Grade: "warning", Text: fmt.Sprint(i), Name: "drill/x"})
	}
	for _, name := range []string{"ttl///192.0.2.1:53 west", "dns///b", "c", "d"} {
		st.Concerns = append(st.Concerns, api.ConcernStatus{Grade: "broken", Text: "no", Name: name, Acked: &steer.Intent{Owner: "alice", Until: until}})
	}
	var b strings.Builder
	writeConcerns(&b, palette{}, st)
	want := "acknowledged: 'ttl///192.0.2.1:53 west' until 2026-05-11 03:00, dns///b until 2026-05-11 03:00, c until 2026-05-11 03:00 and 1 more\nall of them, looked at anew: sipsteer readiness\n"
	if !strings.HasSuffix(b.String(), want) || strings.Count(b.String(), "\n") != concernLines+2 || strings.Contains(b.String(), "broken") {
		t.Errorf("%s", b.String())
	}
}
