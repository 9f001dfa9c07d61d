package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ruleParent names the refusal of a word about the zone above that its name
// servers contradict.
const ruleParent = "parent"

// gateParent refuses what a person says of the zone above while its name servers
// say something else: all of them are asked, now. Where nobody is configured to be
// asked the person is believed, as is who passes the rule by name. The core never
// hears of it: it asks nobody.
func (a *Agent) gateParent(ctx context.Context, s steer.State, cmd *steer.Command) error {
	if !a.cfg.Parent.set() || cmd.Key == nil || slices.Contains(cmd.Override, ruleParent) {
		return nil
	}
	i := slices.IndexFunc(s.ZoneKeys, func(k steer.ZoneKey) bool { return k.Key().Tag() == cmd.Key.Tag })
	if i < 0 {
		return nil // the core says so
	}
	k := s.ZoneKeys[i]
	claim, ok := claimOf(s, k, cmd)
	if !ok {
		return nil
	}
	var against []string
	for _, p := range a.askParent(ctx, s) {
		if claim.contradicts(p) {
			against = append(against, p.Address+" "+p.Words(s))
		}
	}
	if len(against) == 0 {
		return nil
	}
	again := fmt.Sprintf("sipsteer dns %s %d --reason %q", strings.Replace(string(cmd.Kind), "-", " ", 1), cmd.Key.Tag, cmd.Reason)
	for _, r := range cmd.Override {
		again += " --override " + string(r)
	}
	return &api.Error{
		Category: api.Refused,
		Message:  fmt.Sprintf("refused by %s: %s (now: %s; limit: %s)", ruleParent, claim.text, strings.Join(against, "; "), claim.limit),
		Hint:     fmt.Sprintf("sipsteer dns key list   # shows what they say; then again: %s; if you know better: --override %s", again, ruleParent),
	}
}

// claim is what a command says of the name servers of the zone above.
type claim struct {
	text, limit string
	contradicts func(plan.ParentServer) bool
}

// claimOf is what a command about a key claims; false if it claims nothing, or the
// core refuses it.
func claimOf(s steer.State, k steer.ZoneKey, cmd *steer.Command) (claim, bool) {
	tag := k.Key().Tag()
	switch {
	case cmd.Kind == steer.KindKeyConfirm && (k.Stage == steer.KeyReady || k.Stage == steer.KeyLeaving || k.Stage == steer.KeyPublished && slices.Contains(cmd.Override, steer.RuleKeyWait)):
		return claim{
			fmt.Sprintf("the zone above does not name key %d: resolvers would take what it signs for forged when the key before it is gone", tag),
			fmt.Sprintf("all its name servers name key %d", tag),
			func(p plan.ParentServer) bool { return p.Problem != "" || !p.Names(s, k) },
		}, true
	case cmd.Kind == steer.KindKeyGone && k.Stage == steer.KeyLeaving:
		return claim{
			"the zone above may still name keys: resolvers would take all answers for forged when the signatures are gone",
			"none of its name servers names any",
			func(p plan.ParentServer) bool { return p.Problem != "" || len(p.DS) > 0 },
		}, true
	case cmd.Kind == steer.KindKeyDrop && (k.Stage == steer.KeyPublished || slices.Contains(cmd.Override, steer.RuleKeyTrust)):
		return claim{
			fmt.Sprintf("the zone above names key %d: resolvers take the answers for forged when it is gone", tag),
			fmt.Sprintf("none of its name servers is seen to name key %d", tag),
			func(p plan.ParentServer) bool { return p.Names(s, k) },
		}, true
	}
	return claim{}, false
}
