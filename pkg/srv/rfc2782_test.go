package srv

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func target(name string, priority, weight uint16) SRV {
	return SRV{Priority: priority, Weight: weight, Port: 5060, Target: name}
}

// RFC 2782, "Priority": a client MUST attempt to contact the target host with
// the lowest-numbered priority it can reach.
func TestOrderByPriority(t *testing.T) {
	set := []SRV{target("c", 30, 100), target("a", 10, 0), target("d", 910, 100), target("b", 20, 5)}
	for seed := range uint64(50) {
		var names []string
		for _, s := range Order(set, rand.New(rand.NewPCG(seed, 1))) {
			names = append(names, s.Target)
		}
		if !slices.Equal(names, []string{"a", "b", "c", "d"}) {
			t.Fatalf("seed %d: %v", seed, names)
		}
	}
	if set[0].Target != "c" {
		t.Error("the records were changed")
	}
}

// RFC 2782, "Weight": larger weights SHOULD be given a proportionately higher
// probability of being selected.
func TestOrderByWeight(t *testing.T) {
	set := []SRV{target("a", 10, 95), target("b", 10, 5)}
	rnd := rand.New(rand.NewPCG(7, 7))
	const rounds = 20000
	first := 0
	for range rounds {
		if Order(set, rnd)[0].Target == "b" {
			first++
		}
	}
	if share := 100 * float64(first) / rounds; math.Abs(share-5) > 1 {
		t.Errorf("weight 5 of 100 came first in %.1f %%", share)
	}
}

// RFC 2782, "Weight": in the presence of records containing weights greater
// than 0, records with weight 0 should have a very small chance of being
// selected.
func TestOrderWeightZero(t *testing.T) {
	set := []SRV{target("big", 10, 100), target("zero", 10, 0)}
	rnd := rand.New(rand.NewPCG(3, 3))
	first := 0
	for range 20000 {
		if Order(set, rnd)[0].Target == "zero" {
			first++
		}
	}
	if first == 0 || first > 600 {
		t.Errorf("weight 0 came first %d times of 20000", first)
	}
}

func TestOrderIsAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOf(rapid.Custom(func(t *rapid.T) SRV {
			return target(rapid.StringMatching("[a-z]").Draw(t, "name"), rapid.Uint16Range(0, 3).Draw(t, "priority"), rapid.Uint16().Draw(t, "weight"))
		})).Draw(t, "set")
		got := Order(set, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		if !slices.IsSortedFunc(got, func(a, b SRV) int { return int(a.Priority) - int(b.Priority) }) {
			t.Fatalf("not by priority: %v", got)
		}
		less := func(a, b SRV) int { return slices.Compare([]string{a.String()}, []string{b.String()}) }
		if !slices.Equal(slices.SortedFunc(slices.Values(set), less), slices.SortedFunc(slices.Values(got), less)) {
			t.Fatalf("%v is no permutation of %v", got, set)
		}
	})
}

// RFC 3263 §4.1: NAPTR records of services that the client does not support are
// discarded; the rest in order of order and preference.
func TestOrderNAPTR(t *testing.T) {
	set := []NAPTR{
		{Order: 20, Preference: 10, Flags: "s", Service: "SIP+D2T", Replacement: "tcp"},
		{Order: 10, Preference: 10, Flags: "S", Service: "SIPS+D2T", Replacement: "tls"},
		{Order: 5, Preference: 10, Flags: "u", Service: "E2U+sip", Replacement: "."},
		{Order: 20, Preference: 5, Flags: "s", Service: "SIP+D2U", Replacement: "udp"},
	}
	var got []string
	for _, r := range OrderNAPTR(set, []string{"SIP+D2U", "SIPS+D2T", "SIP+D2T"}) {
		got = append(got, r.Replacement)
	}
	if !slices.Equal(got, []string{"tls", "udp", "tcp"}) {
		t.Errorf("order %v", got)
	}
}
