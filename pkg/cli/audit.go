package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// followEvery is how often an export looks for more.
const followEvery = 2 * time.Second

// exportHistory writes the audit trail for an archive: what the agents keep, page
// by page. It stays with the agent that answered first, as long as that one does,
// since each keeps its own days.
func (a *app) exportHistory(ctx context.Context, cs clients, format string, after uint64, follow bool) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	began := after
	for {
		page, err := each(ctx, cs, actTimeout, func(ctx context.Context, c *api.Client) ([]api.AuditRecord, error) {
			return c.Audit(ctx, after, api.MaxAudit)
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && follow && after != began:
			page = nil // the agents may be back soon
		case err != nil:
			return err
		}
		for _, r := range page {
			if err := a.writeAudit(format, r); err != nil {
				return err
			}
			after = r.Index
		}
		if len(page) > 0 {
			continue
		}
		if !follow {
			fmt.Fprintf(a.streams.Err, "sipsteer: hint: to go on from here: sipsteer history --export %s --after %d\n", format, after)
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *app) writeAudit(format string, r api.AuditRecord) error {
	for _, e := range r.Events {
		line := syslogLine(r, e)
		if format == "jsonl" {
			b, err := json.Marshal(struct {
				Index uint64   `json:"index"`
				Chain api.Hash `json:"chain"`
				Agent string   `json:"agent"`
				steer.Event
			}{r.Index, r.Chain, r.Agent, e})
			if err != nil {
				return fmt.Errorf("encode event: %w", err)
			}
			line = string(b)
		}
		if _, err := fmt.Fprintln(a.streams.Out, line); err != nil {
			return fmt.Errorf("write event: %w", err)
		}
	}
	return nil
}

// Priorities of syslog: facility 13 (log audit) and a severity (RFC 5424 §6.2.1).
const (
	auditNotice  = 13*8 + 5
	auditWarning = 13*8 + 4
)

// syslogLine is an event as a message of RFC 5424. The number behind the @ is the
// one that RFC 5612 keeps for examples: the program has none of its own.
func syslogLine(r api.AuditRecord, e steer.Event) string {
	priority := auditNotice
	if e.Kind == steer.EventRefused || e.Kind == steer.EventOverride || e.Kind == steer.EventBrake {
		priority = auditWarning
	}
	var data strings.Builder
	value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`) // §6.3.3
	for _, p := range [][2]string{
		{"index", fmt.Sprint(r.Index)},
		{"chain", r.Chain.String()},
		{"epoch", fmt.Sprint(e.Epoch)},
		{"by", e.By},
		{"from", e.From},
		{"reason", e.Reason},
		{"site", string(e.Site)},
		{"service", string(e.Service)},
		{"rule", string(e.Rule)},
		{"value", e.Value},
		{"limit", e.Limit},
		{"incident", e.Incident},
		{"run", e.Run},
		{"word", e.Word},
	} {
		if p[1] != "" {
			fmt.Fprintf(&data, ` %s="%s"`, p[0], value.Replace(clean(p[1])))
		}
	}
	return fmt.Sprintf("<%d>1 %s %s sipsteer - %s [sipsteer@32473%s] \ufeff%s", priority, e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), r.Agent, e.Kind, data.String(), clean(e.Text))
}
