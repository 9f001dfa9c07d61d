package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/config"
)

func TestTimeZone(t *testing.T) {
	zone, err := config.TimeZone("America/Edmonton")
	if err != nil {
		t.Fatal(err)
	}
	for month, want := range map[time.Month]int{time.January: -7 * 3600, time.July: -6 * 3600} {
		if _, got := time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC).In(zone).Zone(); got != want {
			t.Errorf("%s: %d seconds east of UTC, want %d", month, got, want)
		}
	}
	for _, name := range []string{"Local", "America/Calgary", "MST7MDT,M3", "../../etc/passwd"} {
		if _, err := config.TimeZone(name); err == nil || !strings.Contains(err.Error(), "no time zone is called") {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err = config.ParseFleet("fleet.yaml", []byte("format: 1\npolicy:\n  failback: {time_zone: America/Calgary}\n"))
	if err == nil || !strings.Contains(err.Error(), "fleet.yaml:3") || !strings.Contains(err.Error(), "America/Calgary") {
		t.Errorf("a fleet file with it: %v", err)
	}
}
