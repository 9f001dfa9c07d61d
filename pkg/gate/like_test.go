package gate

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestLike compares with regular expressions, which are slower and known.
func TestLike(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(letters string, most int) string {
		var b strings.Builder
		for range rng.IntN(most) {
			b.WriteByte(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	hits := 0
	for range 20000 {
		pattern, text := word("ab*", 6), word("aAb", 8)
		re := regexp.MustCompile("(?i)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
		want := re.MatchString(text)
		if got := like([]byte(text), pattern); got != want {
			t.Fatalf("%q like %q: %v", text, pattern, got)
		}
		if want {
			hits++
		}
	}
	if hits < 1000 {
		t.Errorf("only %d hits", hits)
	}
}

// BenchmarkRefuseByTable is BenchmarkRefuse with the default rule table.
func BenchmarkRefuseByTable(b *testing.B) {
	h, text := newHot(Draining), []byte(registerText)
	p := h.rs.policy.clone()
	p.Refusals = DefaultRefusals()
	h.rs = compile(p, "calgary")
	b.ReportAllocs()
	for b.Loop() {
		h.do(text)
	}
}
