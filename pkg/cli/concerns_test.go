package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
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
