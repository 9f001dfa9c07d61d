package exec

import (
	"maps"
	"testing"
)

func TestPerfdata(t *testing.T) {
	for output, want := range map[string]map[string]float64{
		"DISK OK - 40 % free|/=12GB;20;30;0;40":          {"/": 12 << 30},
		"PING OK|rta=2.5ms;100;500;0 pl=0%;20;60;; n=3c": {"rta": 0.0025, "pl": 0, "n": 3},
		"OK|'calls up'=41;;;0 'it''s'=-2.5":              {"calls up": 41, "it's": -2.5},
		"OK|a=1\nlong text\nmore|b=2KB\nc=3us":           {"a": 1, "b": 2048, "c": 3e-6},
		"OK":                                             nil,
		"OK|nonsense =5 a= =":                            nil,
		"OK|U=U;1;2 b=1.2.3 good=1":                      {"good": 1},
		"a=1 is no number for a graph|\x1b[2J=5":         nil,
	} {
		if got := perfdata(output); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", output, got, want)
		}
	}
}
