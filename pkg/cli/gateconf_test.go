package cli

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate/divert"
)

// TestGateDrivers: which driver a file gives, and that one beside the first stands
// in for it.
func TestGateDrivers(t *testing.T) {
	listen := []config.GateListener{{Transport: fleet.UDP, Address: netip.MustParseAddrPort("192.0.2.2:15060"), Diverts: netip.MustParseAddrPort("192.0.2.2:5060")}}
	edge := config.GateEdge{Kamailio: "127.0.0.1:9062", Command: []string{"/bin/true"}}
	for _, x := range []struct {
		driver   string
		fallback []string
		is       func(divert.Driver) bool
	}{
		{"edge", nil, is[*divert.Kamailio]},
		{"exec", nil, is[*divert.Exec]},
		{"edge", []string{"exec"}, is[*divert.InTurn]},
	} {
		got, err := divertConfig(&config.Agent{Gate: &config.Gate{Driver: x.driver, Fallback: x.fallback, Edge: edge, Listen: listen}}, zerolog.Nop())
		if err != nil || !x.is(got.Driver) {
			t.Errorf("%s %v: %T, %v", x.driver, x.fallback, got, err)
		}
	}
	got, err := divertConfig(&config.Agent{Gate: &config.Gate{Driver: "edge", Edge: config.GateEdge{OpenSIPS: "127.0.0.1:9063"}}}, zerolog.Nop())
	if err != nil || !is[*divert.OpenSIPS](got.Driver) {
		t.Errorf("opensips: %+v, %v", got, err)
	}
	testFreeSWITCHDriver(t)
	for _, own := range []string{"inline", "listen"} {
		if got, err := divertConfig(&config.Agent{Gate: &config.Gate{Driver: own}}, zerolog.Nop()); got != nil || err != nil {
			t.Errorf("%s: %v, %v", own, got, err)
		}
	}
}

// testFreeSWITCHDriver: its password comes from a file that is private.
func testFreeSWITCHDriver(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	for mode, want := range map[os.FileMode]string{0o600: "ClueCon", 0o644: ""} {
		if err := errors.Join(os.WriteFile(file, []byte("ClueCon\n"), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		edge := config.GateEdge{FreeSWITCH: "127.0.0.1:8021", FreeSWITCHPasswordFile: file}
		got, err := divertConfig(&config.Agent{Gate: &config.Gate{Driver: "edge", Edge: edge}}, zerolog.Nop())
		if want == "" {
			if err == nil {
				t.Errorf("mode %o: anybody may read the password", mode)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := got.Driver.(*divert.FreeSWITCH); !ok || f.Password != want {
			t.Errorf("freeswitch: %T", got.Driver)
		}
	}
}

func is[T any](d divert.Driver) bool { _, ok := d.(T); return ok }
