package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// MaxAudit bounds the records of one answer.
const MaxAudit = 500

// AuditRecord is one entry of the audit trail, as an agent keeps it.
type AuditRecord struct {
	Agent  string        `json:"agent" doc:"That keeps it."`
	Index  uint64        `json:"index" doc:"Log entry."`
	Epoch  uint64        `json:"epoch" doc:"In force after it."`
	Chain  Hash          `json:"chain" doc:"Over every log entry up to the index: the same at every agent."`
	Events []steer.Event `json:"events"`
}

// AuditBackend is the part of a Backend that keeps the audit trail.
type AuditBackend interface {
	// Audit returns the records behind a log entry, oldest first.
	Audit(ctx context.Context, after uint64, limit int) ([]AuditRecord, error)
}

func (s *server) audit(a huma.API) {
	huma.Register(a, op("audit", http.MethodGet, "/v1/audit", "The audit trail as it is kept, oldest first, page by page"),
		func(ctx context.Context, in *struct {
			After uint64 `query:"after" doc:"Log entry of the last record that is known."`
			Limit int    `query:"limit" default:"200" minimum:"1" maximum:"500"`
		},
		) (*body[[]AuditRecord], error) {
			return answer(s.backend.Audit(ctx, in.After, in.Limit))
		})
}

// Audit asks for the records behind a log entry.
func (c *Client) Audit(ctx context.Context, after uint64, limit int) (list []AuditRecord, err error) {
	return list, c.call(ctx, http.MethodGet, fmt.Sprintf("/v1/audit?after=%d&limit=%d", after, limit), nil, &list, false)
}
