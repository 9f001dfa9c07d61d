package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/plan"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// applyTenants carries out the saved plan of a tenant import: of the same file,
// at the same epoch.
func (a *app) applyTenants(ctx context.Context, w *wish, p plan.Plan, path string) error {
	if p.File == nil {
		return &usageError{path + ": the plan names no file with tenants", "make one: sipsteer tenant import FILE --save " + path}
	}
	if !w.yes && !terminal(a.streams.In) {
		return &usageError{"not confirmed, and there is no terminal to ask", "sipsteer apply " + path + " --yes"}
	}
	return a.importTenants(ctx, w, p.File.Path, p.File)
}

// hashed is a reader that knows the digest of what was read.
type hashed struct {
	io.Reader
	sum hash.Hash
}

func newHashed(in io.Reader) *hashed {
	sum := sha256.New()
	return &hashed{io.TeeReader(in, sum), sum}
}

// file identifies the file, to its end, from which was read.
func (h *hashed) file(path string) (plan.File, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return plan.File{}, fmt.Errorf("find %s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, h); err != nil {
		return plan.File{}, fmt.Errorf("read %s: %w", full, err)
	}
	return plan.File{Path: full, SHA256: hex.EncodeToString(h.sum.Sum(nil))}, nil
}

// unchanged is rule stale-plan for the file that a plan was made from.
func unchanged(saved, now *plan.File) error {
	if saved == nil || now.SHA256 == "" || saved.SHA256 == now.SHA256 {
		return nil
	}
	return api.AsError(&steer.Refusal{
		Rule: steer.RuleStalePlan, Hard: true, Text: now.Path + " has changed since the plan was made",
		Value: fmt.Sprintf("SHA-256 %.12s…", now.SHA256), Limit: fmt.Sprintf("SHA-256 %.12s…", saved.SHA256),
		Next: fmt.Sprintf("sipsteer tenant import %s --save PLAN   # and look at it again", now.Path),
	})
}
