package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// runVerb is a command on a run that is under way.
type runVerb struct {
	kind                       steer.Kind
	name, short, long, example string
	step, reason               bool
}

func runVerbs() []runVerb {
	return []runVerb{
		{
			kind: steer.KindRunApprove, name: "approve", short: "Approve a step, or tick off what was done by hand", step: true,
			long:    "Approves a step that asks people, or ticks off a manual one. A step that asks for\ntwo people needs two different owners.",
			example: "  sipsteer runbook approve run-412 agree",
		},
		{kind: steer.KindRunPause, name: "pause", short: "Pause a run: no further step begins", example: "  sipsteer runbook pause run-412 --reason \"waiting for the carrier\""},
		{kind: steer.KindRunResume, name: "resume", short: "Let a run go on; steps that failed are tried again", example: "  sipsteer runbook resume run-412"},
		{kind: steer.KindRunSkip, name: "skip", short: "Leave a step out", step: true, reason: true, example: "  sipsteer runbook skip run-412 restart --reason \"done yesterday\""},
		{
			kind: steer.KindRunAbort, name: "abort", short: "End a run where it is", reason: true,
			long: "Ends a run where it is. What was done stays; undo takes it back.", example: "  sipsteer runbook abort run-412 --reason \"wrong site\"",
		},
		{
			kind: steer.KindRunUndo, name: "undo", short: "Take back what a run has done, the last step first", reason: true,
			long: "Takes back the steps that say how, the last one first: also of a run that was\naborted, or is done.", example: "  sipsteer runbook undo run-412 --reason \"the update failed\"",
		},
	}
}

func (a *app) runVerbCmd(v runVerb) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: string(v.kind), Run: &api.RunRequest{}}}
	c := &cobra.Command{Use: v.name + " RUN", Short: v.short, Long: v.long, Example: v.example, Args: exactArgs("RUN")}
	if v.step {
		c.Use, c.Args = v.name+" RUN STEP", exactArgs("RUN", "STEP")
		c.Flags().StringVar(&w.req.Run.Detail, "note", "", "what was found, for the record")
	}
	w.flags(c)
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		w.req.Run.ID = args[0]
		if v.step {
			w.req.Run.Step = args[1]
		}
		line := verb{kind: v.name, use: "runbook " + v.name + " " + strings.Join(args, " "), optional: !v.reason}
		if err := a.complete(line, w); err != nil {
			return err
		}
		if v.kind == steer.KindRunUndo && !w.yes {
			if !terminal(a.streams.In) {
				return &usageError{"not confirmed, and there is no terminal to ask", "add --yes; to see what has been done: sipsteer runbook show " + args[0]}
			}
			if err := a.typed(args[0]); err != nil {
				return err
			}
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		return a.give(cmd.Context(), cs, w.req)
	})
	return c
}

// typed asks a person to type a word, which is what confirms.
func (a *app) typed(word string) error {
	fmt.Fprintf(a.streams.Err, "\ntype %s to go on: ", word)
	if a.line() != word {
		return &usageError{"not confirmed; nothing was changed", ""}
	}
	return nil
}
