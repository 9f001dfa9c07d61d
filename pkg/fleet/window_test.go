package fleet_test

import (
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		window, at string
		in         bool
	}{
		{"mon-fri 13:00-23:00", "2026-05-04 13:00", true}, // a Monday
		{"mon-fri 13:00-23:00", "2026-05-04 12:59", false},
		{"mon-fri 13:00-23:00", "2026-05-04 23:00", false},
		{"mon-fri 13:00-23:00", "2026-05-03 14:00", false}, // Sunday
		{"sat-mon 01:00-02:00", "2026-05-03 01:30", true},
		{"fri 22:00-04:00", "2026-05-09 03:59", true}, // goes on into Saturday
		{"fri 22:00-04:00", "2026-05-08 03:00", false},
		{"daily 00:00-04:00", "2026-05-06 00:00", true},
	} {
		w, err := fleet.ParseWindow(c.window)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("2006-01-02 15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if w.Contains(at) != c.in {
			t.Errorf("%s in %q: %v", c.at, c.window, !c.in)
		}
	}
	for _, bad := range []string{"", "mon", "mon 13:00", "lun-ven 13:00-23:00", "mon-fri 25:00-26:00", "mon-fri 13:00-13:00", "13:00-23:00"} {
		if _, err := fleet.ParseWindow(bad); err == nil {
			t.Errorf("%q is a window", bad)
		}
	}
}
