package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("a minute: %s, %v", time.Since(began), err)
		}
		if err := Until(t.Context(), began.Add(90*time.Second)); err != nil || time.Since(began) != 90*time.Second {
			t.Errorf("until: %s, %v", time.Since(began), err)
		}
		if err := Until(t.Context(), began); err != nil || time.Since(began) != 90*time.Second {
			t.Errorf("until what has passed: %s, %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := For(ctx, time.Hour); err == nil || time.Since(began) != 91*time.Second {
			t.Errorf("cut: %s, %v", time.Since(began), err)
		}
		if err := Until(ctx, began); err == nil {
			t.Error("a context that has ended is not told of")
		}
	})
}
