package sim_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/sim"
)

// TestTheManualNamesEverything: every key, kind, fault and measure stands in
// docs/scenarios.md.
func TestTheManualNamesEverything(t *testing.T) {
	text, err := os.ReadFile("../../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	want := func(word string) {
		if !strings.Contains(string(text), "`"+word+"`") {
			t.Errorf("docs/scenarios.md does not name `%s`", word)
		}
	}
	for _, v := range []any{sim.Scenario{}, sim.Network{}, sim.Resolvers{}, sim.Phones{}, sim.Fault{}, sim.Order{}, sim.Expect{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
			want(key)
		}
	}
	for _, k := range sim.Kinds() {
		want(string(k))
	}
	for _, k := range sim.FaultKinds() {
		want(string(k))
	}
}
