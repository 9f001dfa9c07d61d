package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) concernAckCmd() *cobra.Command {
	return a.concernVerb(verb{
		kind: string(steer.KindConcernAck), use: "ack CONCERN", short: "Say that a concern is known and accepted for a time", lasts: true,
		long: `Acknowledges a concern by the name that readiness shows. Until the end it comes
last in readiness and status, with who accepts it and why, and people are not told
of it. It comes back at its end, and before when it becomes worse: a warning that
is broken now. That is so also when it went away meanwhile and came again. It lasts
720h at most, and a second time renews it. Nothing else changes: no guard is passed.`,
		example: "  sipsteer readiness ack drill/ottawa --reason \"no drill before the move on the 14th\" --for 168h\n  sipsteer readiness ack certificate/calgary//edge.pem --reason \"ordered, ticket 4711\" --for 48h",
	})
}

func (a *app) concernUnackCmd() *cobra.Command {
	return a.concernVerb(verb{
		kind: string(steer.KindConcernUnack), use: "unack CONCERN", short: "Take an acknowledgement back", optional: true,
		long:    "Ends an acknowledgement before its time: the concern counts again.",
		example: "  sipsteer readiness unack drill/ottawa",
	})
}

// concernVerb makes a command about one concern. Nothing is asked, since no traffic
// moves.
func (a *app) concernVerb(v verb) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: v.kind}}
	c := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: v.example, Args: exactArgs("CONCERN")}
	f := c.Flags()
	f.StringVar(&w.req.Reason, "reason", "", "why, for the next shift to read")
	f.StringVar(&w.req.By, "owner", "", "who says so; default $SIPSTEER_OWNER, else USER@HOST")
	f.Bool("yes", false, "accepted as by every command; nothing is asked, since no traffic moves")
	if v.lasts {
		f.StringVar(&w.req.For, "for", "", "how long it is accepted: 48h, 168h; 720h at most (required)")
	}
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		w.req.Concern = args[0]
		named := v
		named.use = "readiness " + cmd.Name() + " " + shellWord(args[0])
		if v.lasts && w.req.For == "" {
			return &usageError{"an end is required: until when is it accepted?", "sipsteer " + named.use + ` --reason "…" --for 168h   # 720h at most`}
		}
		if err := a.complete(named, w); err != nil {
			return err
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		return a.give(cmd.Context(), cs, w.req)
	})
	return c
}

// shellWord is a word as it is typed into a shell, quoted where that is needed.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-"
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
