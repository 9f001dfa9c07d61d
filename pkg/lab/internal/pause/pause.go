// Package pause waits for the lab's parts, which live in real time.
package pause

import (
	"context"
	"time"
)

// For waits for d. It returns the context's error if that ends first.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Until waits for a moment; one that has passed is not waited for.
func Until(ctx context.Context, t time.Time) error {
	if d := time.Until(t); d > 0 {
		return For(ctx, d)
	}
	return ctx.Err()
}
