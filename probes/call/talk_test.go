package call

import (
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// TestWhoHearsWhom: between two subscribers of ours each direction is known.
func TestWhoHearsWhom(t *testing.T) {
	for _, tt := range []struct {
		name              string
		there, back, sent int
		cause             health.Cause
		detail            string
	}{
		{"both", 100, 98, 100, "", ""},
		{"neither", 0, 0, 100, health.CauseNoAudio, "neither side"},
		{"the callee hears nothing", 0, 100, 100, health.CauseOneWay, "the caller is not heard at ottawa"},
		{"the caller hears nothing", 100, 0, 100, health.CauseOneWay, "the caller does not hear ottawa"},
		{"much is lost on one way", 100, 60, 100, health.CauseAudioLoss, "40 % of the audio was lost, at most 10 %"},
	} {
		a := attempt{q: probes.Call{Loss: 0.1, Callee: probes.Callee{Site: "ottawa"}}}
		callee := &callee{ear: &ear{heard: heard{packets: tt.there, sent: tt.sent}}}
		f := a.judgeBoth(t.Context(), heard{packets: tt.back, sent: tt.sent}, callee)
		switch {
		case f == nil && tt.cause != "":
			t.Errorf("%s: nothing is wrong", tt.name)
		case f != nil && (f.Cause != tt.cause || !strings.Contains(f.Detail, tt.detail)):
			t.Errorf("%s: %v", tt.name, f)
		}
	}
}

func TestGapsAreCountedForEachSource(t *testing.T) {
	h := heard{span: map[uint32]sequenceSpan{1: {first: 65530, last: 3, packets: 5}, 2: {first: 7, last: 16, packets: 10}}}
	if got := h.gaps(); got < 0.24 || got > 0.26 { // 5 of 10, over the end of the numbers, and 10 of 10
		t.Errorf("%v", got)
	}
}
