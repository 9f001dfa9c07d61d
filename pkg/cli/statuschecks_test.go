package cli

import (
	"bytes"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// TestVerdictMatrix: site by kind, with the transports that are not up; nothing is
// said by colour alone, and nothing at all where all is well.
func TestVerdictMatrix(t *testing.T) {
	up := api.CheckMatrix{"udp": {"options": "up", "register": "up"}, "tls": {"options": "up", "register": "up", "tls": "up"}}
	st := api.Status{Sites: []api.SiteStatus{{Name: "ottawa", Checks: up}}}
	show := func(always bool) string {
		var b bytes.Buffer
		writeMatrix(&b, palette{}, st, always)
		return b.String()
	}
	if got := show(false); got != "" {
		t.Errorf("all is well:\n%s", got)
	}
	if got, want := show(true), "CHECKS  OPTIONS  REGISTER  TLS\nottawa  up       up        up\n\n"; got != want {
		t.Errorf("asked for:\n%s", got)
	}
	st.Sites = append(st.Sites, api.SiteStatus{Name: "calgary", Checks: api.CheckMatrix{
		"udp": {"options": "down", "register": "down"}, "tcp": {"options": "up", "register": "down"}, "tls": {"options": "unknown", "register": "down"},
	}}, api.SiteStatus{Name: "new"})
	want := "CHECKS   OPTIONS                REGISTER  TLS\n" +
		"ottawa   up                     up        up\n" +
		"calgary  down udp, unknown tls  down      -\n" +
		"new      -                      -         -\n\n"
	if got := show(false); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	st.Sites = nil
	if got := show(true); got != "" {
		t.Errorf("no sites:\n%s", got)
	}
}
