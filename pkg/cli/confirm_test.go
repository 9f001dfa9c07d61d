package cli

import (
	"testing"

	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// TestConfirming: a site by its name; many names without a site by their number.
func TestConfirming(t *testing.T) {
	many := plan.Plan{Names: &steer.NameReach{Touched: 4000, Of: 5000}}
	for _, c := range []struct {
		site string
		p    plan.Plan
		want string
	}{
		{"calgary", many, "calgary"},
		{"", many, "4000"},
		{"", plan.Plan{Names: &steer.NameReach{Touched: 40, Of: 50}}, "yes"},
		{"", plan.Plan{}, "yes"},
	} {
		if got := confirming(c.site, c.p); got != c.want {
			t.Errorf("%q with %+v: %q", c.site, c.p.Names, got)
		}
	}
}
