package agent

import (
	"context"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Audit implements api.Backend: from this agent's archive, which keeps what the
// State has forgotten.
func (a *Agent) Audit(_ context.Context, after uint64, limit int) ([]api.AuditRecord, error) {
	a.past.flush()
	out := []api.AuditRecord{}
	for _, p := range a.past.archive.After(after, min(limit, api.MaxAudit)) {
		s, err := a.past.byIndex(p.Index)
		if err != nil {
			return nil, fmt.Errorf("read log entry %d: %w", p.Index, err)
		}
		out = append(out, api.AuditRecord{Agent: string(a.cfg.Name), Index: p.Index, Epoch: p.Epoch, Chain: api.Hash(p.Chain), Events: append([]steer.Event{}, s.Events...)})
	}
	return out, nil
}
