package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/console"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/story"
)

func (a *app) demoCmd() *cobra.Command {
	var scenario string
	var headless, exit bool
	c := &cobra.Command{
		Use: "demo", Short: "See an outage happen and being survived: three sites and a hundred phones on this machine", Args: exactArgs(),
		Long: `Starts a lab of three sites with a hundred phones, breaks it as a real one broke,
and shows what happens: on a terminal as a live picture, with --headless as plain
lines. Everything is real but the softswitches and the phones, and these speak
real SIP. The lab is gone afterwards.`,
		Example: "  sipsteer demo\n  sipsteer demo --scenario planned-drain\n  sipsteer demo --headless --exit",
	}
	var names []string
	for _, s := range story.Scenarios() {
		names = append(names, s.Name)
	}
	c.Flags().StringVar(&scenario, "scenario", names[0], "one of "+strings.Join(names, ", "))
	c.Flags().BoolVar(&headless, "headless", false, "plain lines; also when the output is no terminal")
	c.Flags().BoolVar(&exit, "exit", false, "end by itself; exit code 1 if an expectation of the scenario failed")
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		sc, err := story.Find(scenario)
		if err != nil {
			return &usageError{err.Error(), ""}
		}
		return a.demo(cmd.Context(), sc, headless || !terminal(a.streams.Out), exit)
	})
	return c
}

// demo plays a scenario in a lab of its own.
func (a *app) demo(ctx context.Context, sc story.Scenario, headless, exit bool) error {
	dir, err := os.MkdirTemp("", "sipsteer-demo-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	cfg, err := a.labConfig(dir)
	if err != nil {
		return err
	}
	cfg.FlapDown, cfg.FlapUp = 1500*time.Millisecond, 1500*time.Millisecond
	l, err := lab.New(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.streams.Err, "starting three sites …\n")
	if err := l.Up(ctx); err != nil {
		return err
	}
	defer func() {
		if err := l.Down(); err != nil {
			fmt.Fprintf(a.streams.Err, "sipsteer: warning: stop the lab: %v\n", err)
		}
	}()
	if headless {
		return a.demoLines(ctx, l, sc, exit)
	}
	return a.demoView(ctx, l, sc, exit)
}

// demoLines prints the story line by line.
func (a *app) demoLines(ctx context.Context, l *lab.Lab, sc story.Scenario, exit bool) error {
	lines := make(chan story.Line, 256)
	printed := make(chan struct{})
	go func() { // ends when lines is closed below
		defer close(printed)
		for line := range lines {
			if a.json {
				a.printLine(map[string]any{"seconds": line.At.Seconds(), "kind": line.Kind, "text": line.Text})
				continue
			}
			fmt.Fprintln(a.streams.Out, console.PlainLine(line))
		}
	}()
	stage, err := story.NewStage(l, story.Crowd(l.Layout()), func(line story.Line) { lines <- line })
	if err != nil {
		close(lines)
		return err
	}
	if !a.json {
		fmt.Fprintf(a.streams.Out, "%s\n\n", sc.Title)
	}
	playErr := stage.Play(ctx, sc)
	measures := stage.Measures()
	stragglers := stage.Stragglers()
	counts := stage.Watch.Counts()
	if playErr == nil && !exit {
		fmt.Fprintln(a.streams.Err, "the story is over; the lab runs on until interrupted")
		<-ctx.Done()
	}
	err = stage.Close()
	close(lines)
	<-printed
	if a.json {
		a.printLine(map[string]any{"measures": measures, "stragglers": stragglers, "dns": counts})
	} else {
		console.WriteSummary(a.streams.Out, sc, measures, stragglers, counts)
	}
	if errors.Is(playErr, context.Canceled) {
		return nil
	}
	return errors.Join(playErr, err)
}

// demoView shows the story as a live picture.
func (a *app) demoView(ctx context.Context, l *lab.Lab, sc story.Scenario, exit bool) error {
	view := console.New(sc, exit)
	stage, err := story.NewStage(l, story.Crowd(l.Layout()), view.Tell)
	if err != nil {
		return err
	}
	playErr := view.Run(ctx, stage)
	measures, stragglers, counts := stage.Measures(), stage.Stragglers(), stage.Watch.Counts()
	err = stage.Close()
	console.WriteSummary(a.streams.Out, sc, measures, stragglers, counts)
	return errors.Join(playErr, err)
}
