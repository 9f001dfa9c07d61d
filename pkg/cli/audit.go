package cli

import (
	"context"
	"encoding/json"
	"fmt"
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
	lines := r.Syslog()
	if format == "jsonl" {
		for i, e := range r.Events {
			b, err := json.Marshal(struct {
				Index uint64   `json:"index"`
				Chain api.Hash `json:"chain"`
				Agent string   `json:"agent"`
				steer.Event
			}{r.Index, r.Chain, r.Agent, e})
			if err != nil {
				return fmt.Errorf("encode event: %w", err)
			}
			lines[i] = string(b)
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.streams.Out, line); err != nil {
			return fmt.Errorf("write event: %w", err)
		}
	}
	return nil
}
