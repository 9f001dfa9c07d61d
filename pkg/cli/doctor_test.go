package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

func TestDoctorTellsOfTheDelayedCopy(t *testing.T) {
	at := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		practice *api.CopyPractice
		want     string
	}{
		{nil, "delayed copy of 2026-11-20 04:00:00 (UTC), not restored for practice yet"},
		{&api.CopyPractice{At: at.AddDate(0, 0, 1), Took: 0.257, Records: 17}, "(UTC), restored for practice at 2026-11-21 04:00:00 in 0.26 s, with 17 record sets to answer"},
		{&api.CopyPractice{At: at, Problem: "no room"}, "(UTC), could not be restored for practice at 2026-11-20 04:00:00"},
	} {
		var out bytes.Buffer
		a := &app{streams: Streams{Out: &out}}
		a.writeFindings(palette{}, api.StoreStatus{Agent: "calgary", DelayedAt: at, DelayedFile: "/var/lib/sipsteer/delayed/x.backup", DelayedPractice: tc.practice})
		if got := out.String(); !strings.Contains(got, tc.want) || !strings.Contains(got, "x.backup") {
			t.Errorf("%q, want %q in it", got, tc.want)
		}
	}
	var out bytes.Buffer
	a := &app{streams: Streams{Out: &out}}
	if a.writeFindings(palette{}, api.StoreStatus{Agent: "calgary"}); strings.Contains(out.String(), "delayed") {
		t.Errorf("a copy that is not there: %q", out.String())
	}
}
