package cli

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
)

// wish is the flags of a command that changes something.
type wish struct {
	req api.CommandRequest
	yes bool
	out string // plan and tenant import only: where to save the plan
	// file is what a tenant import reads.
	file *plan.File
	// touches is how many names are known to be answered in another way; 0 is not
	// said.
	touches int
}

// flags adds those that every change has.
func (w *wish) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&w.req.Reason, "reason", "", "why, for the next shift to read (required)")
	f.StringVar(&w.req.By, "owner", "", "who wants it; default $SIPSTEER_OWNER, else USER@HOST")
	f.Uint64Var(&w.req.ExpectEpoch, "expect-epoch", 0, "refuse when the fleet is at another epoch")
	f.BoolVar(&w.yes, "yes", false, "do not ask")
}

func (w *wish) scopeFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&w.req.Service, "service", "", "only this service; default all")
	f.StringVar(&w.req.Transport, "transport", "", "only this transport: udp, tcp, tls, ws, wss; default all")
	f.StringSliceVar(&w.req.Override, "override", nil, "pass this guard by name; repeatable")
	w.touchesFlag(c)
}

func (w *wish) touchesFlag(c *cobra.Command) {
	c.Flags().IntVar(&w.touches, "touches", 0, "do it only if so many names (services and tenants) are answered in another way; needed with --yes above policy.touches_above")
}

func (w *wish) cohortFlag(c *cobra.Command) {
	c.Flags().StringVar(&w.req.Cohort, "cohort", "", "only these tenants: a share, 5%, or buckets, 0-4,17; default everyone")
}

func (w *wish) paceFlag(c *cobra.Command) {
	c.Flags().StringVar(&w.req.Pace, "pace", "", "what the steps are shares of: weights (of all phones) or cohorts (of the tenants, each with all its phones); default the policy's")
}

func (w *wish) forFlag(c *cobra.Command) {
	c.Flags().StringVar(&w.req.For, "for", "", "how long it lasts: 30m, 2h; 72h at most (required)")
}

func (w *wish) endFlag(c *cobra.Command) {
	c.Flags().StringVar(&w.req.For, "for", "", "bring it back by itself after this time, in steps: 30m, 2h; 72h at most; default it stays out until a failback")
}

// verb describes one command that changes something.
type verb struct {
	kind, use, short, long, example string
	site, scope, lasts              bool
	cohort, pace                    bool
	mayEnd                          bool   // an end is optional
	now                             string // help of --now; "" has no such flag
	optional                        bool   // the reason is optional
	// draft reports whether the change is only looked at, so that neither a
	// reason nor an end is needed; nil never is.
	draft func() bool
}

// draftFor is how long what is only looked at would last.
const draftFor = "2h"

// verbs are the commands that change something; plan has the same ones.
func verbs() []verb {
	return []verb{
		{
			kind: "drain", use: "drain SITE", short: "Take new work away from a site, gently", site: true, scope: true, lasts: true, cohort: true,
			now: "skip the announcement and the REGISTER phase: out of DNS and refusing at once",
			long: `Takes new work away from a healthy site. Calls that are up and emergency calls
survive. Stages: announced at a worse priority for the old TTL and a grace; then
out of the answers while the gate refuses REGISTER and lets calls pass; then all
new work is refused. With --cohort only some tenants leave, each with all its
phones, and with --service one service: the gate refuses those and stays open to
all others. An edge or a program in place of the gate cannot do that; status says
so, and they leave by the name servers' answers alone.`,
			example: `  sipsteer drain calgary --reason "kernel update" --for 2h
  sipsteer drain calgary --transport tls --now --reason "certificate" --for 30m --yes
  sipsteer drain calgary --cohort 5% --reason "pilot of the new core" --for 24h`,
		},
		{
			kind: "undrain", use: "undrain SITE", short: "End a drain; traffic comes back in steps", site: true, scope: true, optional: true, cohort: true, pace: true,
			now: "back at full share at once", example: `  sipsteer undrain calgary --reason "update done"`,
			long: `Ends the drains of a site. What had left the answers comes back in steps, once
the phones that left have registered elsewhere, so that nobody moves twice. With
--cohort only these tenants come back; the others stay away.`,
		},
		{
			kind: "failover", use: "failover SITE", short: "Take a failed site out at once", site: true, scope: true, mayEnd: true,
			long: `Takes a site out of the answers because it failed; it stays out until a
failback. Whether a check has seen the failure stands in the plan. To empty a
site that is well, drain it: that tells its phones first.

With --for it comes back by itself at that time, in the same steps and by the
same guards as after sipsteer failback. If it is not well then it stays out, and
status says why and what to type. Repeated, --for sets another end; without it
the end is taken away.`,
			example: `  sipsteer failover calgary --reason "half of the calls fail"
  sipsteer failover calgary --for 2h --reason "the carrier works on its trunks until ten"`,
		},
		{
			kind: "failback", use: "failback SITE", short: "Bring a site back in steps", site: true, scope: true, cohort: true, pace: true,
			now: "at full share at once", long: `Brings back what is out of a site: by default 5 %, 25 %, 100 %, with a look at
the checks before each step; it steps back by itself if the site fails again.
With --pace cohorts the steps are shares of the tenants, each with all its phones.`,
			example: `  sipsteer failback calgary --reason "stable for an hour"
  sipsteer failback calgary --pace cohorts --reason "customers whole, one after the other"
  sipsteer failback calgary --cohort 0-4 --now --reason "only the pilot customers"`,
		},
		{
			kind: "approve", use: "approve SITE", short: "Do what automation proposes for a site", site: true, scope: true, optional: true,
			long: `Carries out what automation proposes for a site where the service is set to
advise: takes out what has failed there. The guards are asked again. Without a
proposal nothing is done; sipsteer status shows what is proposed.`,
			example: `  sipsteer approve calgary`,
		},
		{
			kind: "hold", use: "hold", short: "Stop automation", lasts: true,
			long:    `Stops automation for the fleet, or with --service for one service. Checks go on, and operators can still act.`,
			example: `  sipsteer hold --reason "carrier maintenance" --for 2h`,
		},
		{kind: "release", use: "release", short: "Let automation act again", optional: true, long: "Ends a hold.", example: "  sipsteer release"},
		{
			kind: "ack", use: "ack", short: "Acknowledge what automation did", optional: true,
			long: `Ends the block that keeps automation off a service after it moved it.`, example: "  sipsteer ack --service west",
		},
	}
}

// verbCmd makes the command for a verb. do is called with the filled request.
func (a *app) verbCmd(v verb, do func(ctx context.Context, w *wish) error) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: v.kind}}
	c := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: v.example}
	c.Args = exactArgs()
	if v.site {
		c.Args = exactArgs("SITE")
	}
	w.flags(c)
	switch {
	case v.scope:
		w.scopeFlags(c)
	default:
		c.Flags().StringVar(&w.req.Service, "service", "", "only this service; default all")
	}
	if v.cohort {
		w.cohortFlag(c)
	}
	if v.pace {
		w.paceFlag(c)
	}
	if v.lasts {
		w.forFlag(c)
	}
	if v.mayEnd {
		w.endFlag(c)
	}
	if v.now != "" {
		c.Flags().BoolVar(&w.req.Now, "now", false, v.now)
	}
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if v.site {
			w.req.Site = args[0]
		}
		if err := a.complete(v, w); err != nil {
			return err
		}
		return do(cmd.Context(), w)
	})
	return c
}

// complete fills in what can be known and says what is missing.
func (a *app) complete(v verb, w *wish) error {
	if w.req.By == "" {
		w.req.By = a.owner()
	}
	if v.draft != nil && v.draft() {
		w.req.Reason = cmp.Or(strings.TrimSpace(w.req.Reason), "plan")
		if v.lasts {
			w.req.For = cmp.Or(w.req.For, draftFor)
		}
	}
	line := "sipsteer " + strings.Replace(v.use, "SITE", w.req.Site, 1)
	if strings.TrimSpace(w.req.Reason) == "" {
		if !v.optional {
			return &usageError{"a reason is required", line + ` --reason "why, for the next shift to read"` + forHint(v, w)}
		}
		w.req.Reason = v.kind
	}
	if v.lasts && w.req.For == "" {
		return &usageError{"an end is required: how long may it last?", fmt.Sprintf("%s --reason %q --for 2h   # 72h at most", line, w.req.Reason)}
	}
	if why := badFor(w.req.For); why != "" {
		return &usageError{fmt.Sprintf("--for %q %s", w.req.For, why), fmt.Sprintf("%s --reason %q --for 2h   # 72h at most", line, w.req.Reason)}
	}
	switch {
	case w.touches < 0:
		return &usageError{fmt.Sprintf("--touches is %d", w.touches), "the number of names that the plan shows"}
	case w.touches > 0:
		w.req.Tenants = &api.TenantChange{Touches: w.touches}
	}
	w.req.ID = requestID()
	return nil
}

// badFor says why a text is no time for which anything can last. How long that may
// be is the policy's word.
func badFor(text string) string {
	d, err := time.ParseDuration(text)
	switch {
	case text == "":
		return ""
	case err != nil:
		return "is not a duration: a number with a unit, 30m, 2h"
	case d <= 0:
		return "is over before it begins"
	}
	return ""
}

func forHint(v verb, w *wish) string {
	switch {
	case !v.lasts:
		return ""
	case w.req.For != "":
		return " --for " + w.req.For
	}
	return " --for 2h"
}

func (a *app) owner() string {
	if o := a.env("SIPSTEER_OWNER"); o != "" {
		return o
	}
	name := a.env("USER")
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil || name == "" {
		return name
	}
	return name + "@" + host
}

func requestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func (a *app) actCmd(kind string) *cobra.Command {
	for _, v := range verbs() {
		if v.kind == kind {
			return a.verbCmd(v, a.act)
		}
	}
	return nil
}

func (a *app) drainCmd() *cobra.Command    { return a.actCmd("drain") }
func (a *app) undrainCmd() *cobra.Command  { return a.actCmd("undrain") }
func (a *app) failoverCmd() *cobra.Command { return a.actCmd("failover") }
func (a *app) failbackCmd() *cobra.Command { return a.actCmd("failback") }
func (a *app) approveCmd() *cobra.Command  { return a.actCmd("approve") }
func (a *app) holdCmd() *cobra.Command     { return a.actCmd("hold") }
func (a *app) releaseCmd() *cobra.Command  { return a.actCmd("release") }
func (a *app) ackCmd() *cobra.Command      { return a.actCmd("ack") }

// act shows the plan and asks, unless --yes, and carries the wish out.
func (a *app) act(ctx context.Context, w *wish) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	if !w.yes {
		if err := a.confirm(ctx, cs, w); err != nil {
			return err
		}
	}
	return a.give(ctx, cs, w.req)
}

// confirm shows what would happen. What is confirmed is that plan: the command
// is bound to its epoch.
func (a *app) confirm(ctx context.Context, cs clients, w *wish) error {
	if !terminal(a.streams.In) {
		return &usageError{"not confirmed, and there is no terminal to ask", "add --yes; to see first what would happen: sipsteer plan " + w.req.Kind + " …"}
	}
	p, err := ask(ctx, cs, func(ctx context.Context, c *api.Client) (plan.Plan, error) { return c.Plan(ctx, w.req) })
	if err != nil {
		return err
	}
	if p.Refusal != nil {
		return api.AsError(p.Refusal)
	}
	p.Write(a.streams.Err)
	word := confirming(w.req.Site, p)
	fmt.Fprintf(a.streams.Err, "\ntype %s to go on: ", word)
	line, _ := bufio.NewReader(a.streams.In).ReadString('\n')
	if strings.TrimSpace(line) != word {
		return &usageError{"not confirmed; nothing was changed", ""}
	}
	w.req.ExpectEpoch = p.Epoch
	if p.Touches > 0 && w.touches == 0 { // who has typed the word has read how many
		w.req.Tenants = &api.TenantChange{Touches: p.Touches}
	}
	return nil
}

// confirming is what a person types to go on: the site's name; without a site the
// number of the names, where they are many.
func confirming(site string, p plan.Plan) string {
	switch n := p.Names; {
	case site != "":
		return site
	case n != nil && n.Touched > n.Limit():
		return strconv.Itoa(n.Touched)
	}
	return "yes"
}

// printResult says what was done and where it is seen. An agent that was not
// reached is named: the change is decided all the same and it will follow.
func (a *app) printResult(r api.Result) error {
	if a.json {
		a.printJSON(r)
	} else {
		if !r.Changed {
			fmt.Fprintln(a.streams.Out, "nothing to change: all is as wanted")
		}
		for _, e := range r.Events {
			fmt.Fprintln(a.streams.Out, e.Text)
		}
		fmt.Fprintf(a.streams.Out, "epoch %d, seen on %s in %s\n", r.Epoch, strings.Join(r.Reached, ", "), r.Took)
	}
	for _, m := range r.Missed {
		fmt.Fprintf(a.streams.Err, "sipsteer: warning: not seen on %s: %s\n", m.Agent, m.Reason)
	}
	return nil
}
