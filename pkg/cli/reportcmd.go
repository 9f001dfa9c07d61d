package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
	_ "time/tzdata" // reports are written in the operator's zone on machines without a zone database too

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/incident"
)

func (a *app) reportCmd() *cobra.Command {
	var format, lang, zone, out string
	var evidence bool
	c := &cobra.Command{
		Use: "report INCIDENT", Short: "Write the report of an incident, as a customer may read it", Args: exactArgs("INCIDENT"),
		Long: `Writes the report of an incident from the replicated record: summary, impact with
its method, times as measured, timeline, what the program and what people did,
what went well and badly, follow-ups. Nothing is added by hand; what people wrote
(causes, notes, reasons) is kept in their own words.`,
		Example: `  sipsteer report inc-412
  sipsteer report inc-412 --format html --lang fr --timezone America/Toronto --out rapport.html`,
	}
	f := c.Flags()
	f.StringVar(&format, "format", "md", "md, html or json")
	f.StringVar(&lang, "lang", "en", "en or fr")
	f.BoolVar(&evidence, "evidence", false, "add what the checks saw on the wire, with addresses of softswitches: not for customers")
	f.StringVar(&zone, "timezone", "", "zone of every time: America/Edmonton; default $SIPSTEER_TIMEZONE, else this machine's")
	f.StringVar(&out, "out", "", "write to this file; default standard output")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if a.json {
			format = "json"
		}
		if !slices.Contains([]string{"md", "html", "json"}, format) {
			return &usageError{fmt.Sprintf("--format is %q", format), "md, html or json"}
		}
		if !slices.Contains(incident.Langs(), incident.Lang(lang)) {
			return &usageError{fmt.Sprintf("--lang is %q", lang), "en or fr"}
		}
		loc, err := a.zone(zone)
		if err != nil {
			return err
		}
		cs, err := a.clients()
		if err != nil {
			return err
		}
		r, err := ask(cmd.Context(), cs, func(ctx context.Context, c *api.Client) (incident.Report, error) {
			return c.IncidentReport(ctx, args[0])
		})
		if err != nil {
			return err
		}
		return a.writeReport(&r, format, incident.Options{Lang: incident.Lang(lang), Zone: loc, Evidence: evidence}, out)
	})
	return c
}

// zone finds a time zone by name.
func (a *app) zone(name string) (*time.Location, error) {
	if name == "" {
		name = a.env("SIPSTEER_TIMEZONE")
	}
	if name == "" {
		return time.Local, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("no time zone is called %q", name), "a name as America/Edmonton, Europe/Paris or UTC"}
	}
	return loc, nil
}

func (a *app) writeReport(r *incident.Report, format string, o incident.Options, out string) error {
	var text string
	var err error
	switch format {
	case "json":
		if out == "" {
			a.printJSON(r)
			return nil
		}
		text, err = indented(r)
	case "html":
		text, err = r.HTML(o)
	default:
		text, err = r.Markdown(o)
	}
	if err != nil {
		return fmt.Errorf("render report: %w", err)
	}
	if out == "" {
		fmt.Fprint(a.streams.Out, text)
		return nil
	}
	if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Fprintf(a.streams.Err, "wrote %s\n", out)
	return nil
}
