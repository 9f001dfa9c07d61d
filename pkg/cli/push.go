package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// pushEvery is how often the answers are looked for.
const pushEvery = time.Second

func (a *app) pushCmd() *cobra.Command {
	w, wait := &wish{req: api.CommandRequest{Kind: "push"}}, 45*time.Second
	c := &cobra.Command{
		Use: "push SITE", Short: "Ask devices that still come to a drained site to look again", Args: exactArgs("SITE"),
		Long: `Sends a NOTIFY with check-sync (reboot=false) to the stragglers of a drained site,
by the way that they came: many phones fetch their settings and look their server
up again then. Only who was seen at this gate is asked, each once an hour at most,
20 a second. What each said is shown here, and by sipsteer gate stragglers. Some
phones restart on it whatever is asked (docs/gate.md), so it is refused while calls
are up.`,
		Example: "  sipsteer gate push calgary --reason \"still here an hour after the drain\"\n" +
			"  sipsteer gate push calgary --aor anna@west.voice.example.net --reason \"customer agreed\" --yes\n" +
			"  sipsteer gate push calgary --service west --cohort 5% --reason \"pilot\" --wait 0 --yes --json",
	}
	w.flags(c)
	w.cohortFlag(c)
	f := c.Flags()
	f.StringVar(&w.req.Service, "service", "", "only devices of this service; default all")
	f.StringSliceVar(&w.req.Devices, "aor", nil, "only this straggler, USER@DOMAIN as the list has it; repeatable")
	f.StringSliceVar(&w.req.Override, "override", nil, "pass this guard by name; repeatable")
	f.DurationVar(&wait, "wait", wait, "for the answers; 0 does not wait")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		w.req.Site = args[0]
		if wait < 0 {
			return &usageError{fmt.Sprintf("--wait is %s", wait), "sipsteer gate push " + args[0] + " --wait 45s"}
		}
		if err := a.complete(verb{kind: "push", use: "gate push SITE"}, w); err != nil {
			return err
		}
		return a.push(cmd.Context(), w, wait)
	})
	return c
}

// pushed is what came of a push.
type pushed struct {
	api.Result
	Devices []api.Straggler `json:"devices"` // of those that were asked and still come
}

func (a *app) push(ctx context.Context, w *wish, wait time.Duration) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	list := func(ctx context.Context, c *api.Client) (api.StragglerList, error) {
		return c.Stragglers(ctx, w.req.Site)
	}
	if !w.yes {
		l, err := ask(ctx, cs, list)
		if err != nil {
			return err
		}
		if err := a.confirmPush(l); err != nil {
			return err
		}
	}
	res, err := each(ctx, cs, actTimeout, doing(w.req))
	if err != nil {
		return err
	}
	out := pushed{Result: res, Devices: []api.Straggler{}}
	end := time.Now().Add(wait)
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	for res.Push != nil && res.Push.Asked > 0 {
		l, err := ask(ctx, cs, list)
		if err != nil {
			return err
		}
		out.Devices = slices.DeleteFunc(l.Items, func(s api.Straggler) bool { return s.Asked == nil })
		waiting := slices.ContainsFunc(out.Devices, func(s api.Straggler) bool { return s.Answer == "waiting" })
		if !waiting || !time.Now().Before(end) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if a.json {
		a.printJSON(out)
		return nil
	}
	writePush(a.streams.Out, palette{a.colours()}, out)
	return nil
}

// confirmPush shows who may be asked, and asks.
func (a *app) confirmPush(l api.StragglerList) error {
	if !terminal(a.streams.In) {
		return &usageError{"not confirmed, and there is no terminal to ask", "add --yes; to see first who would be asked: sipsteer gate stragglers " + l.Site}
	}
	writeStragglers(a.streams.Err, palette{a.colours()}, l)
	fmt.Fprintf(a.streams.Err, "\nsome phones restart on it\ntype %s to go on: ", l.Site)
	line, _ := bufio.NewReader(a.streams.In).ReadString('\n')
	if strings.TrimSpace(line) != l.Site {
		return &usageError{"not confirmed; nobody was asked", ""}
	}
	return nil
}

func writePush(w io.Writer, p palette, out pushed) {
	for _, e := range out.Events {
		fmt.Fprintln(w, e.Text)
	}
	if out.Push == nil {
		fmt.Fprintln(w, "nobody to ask: every device that still comes has moved or was asked within the hour")
		return
	}
	for _, s := range out.Push.Skipped {
		fmt.Fprintf(w, "%s from %s is not asked: %s\n", clean(s.AoR), clean(s.Source), clean(s.Why))
	}
	if len(out.Devices) > 0 {
		rows := [][]string{{"DEVICE", "SOURCE", "ASKED (UTC)", "SAID"}}
		for _, s := range out.Devices {
			rows = append(rows, []string{clean(s.AoR), s.Source, s.Asked.UTC().Format(time.TimeOnly), said(p, s.Answer)})
		}
		table(w, p, rows)
	}
	if n := out.Push.Asked - len(out.Devices); n > 0 {
		fmt.Fprintf(w, "%d of the %d that were asked do not come any more\n", n, out.Push.Asked)
	}
}

// said colours the answer of a device.
func said(p palette, answer string) string {
	switch {
	case strings.HasPrefix(answer, "2"):
		return p.good(answer)
	case answer == "waiting":
		return answer
	}
	return p.warn(answer)
}
