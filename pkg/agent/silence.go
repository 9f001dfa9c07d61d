package agent

import (
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// silenceChange reads what a request wants silenced, or heard again.
func silenceChange(c *steer.Command, req api.CommandRequest) {
	switch c.Kind {
	case steer.KindSilence:
		if req.Softswitch != "" || req.Check != "" {
			c.Silence = &steer.SilenceChange{Switch: fleet.SwitchID(req.Softswitch), Check: health.Kind(req.Check)}
		}
	case steer.KindUnsilence:
		c.Target = req.Silence
	}
}

func silences(s steer.State) []api.SilenceStatus {
	out := []api.SilenceStatus{}
	for _, x := range s.Silences {
		st := api.SilenceStatus{
			ID: x.ID, Site: string(x.Site), Softswitch: string(x.Switch), Check: string(x.Check),
			Owner: x.Owner, Reason: x.Reason, Since: x.Since, Until: x.Until, Quiet: []string{},
		}
		if x.Transport != 0 {
			st.Transport = x.Transport.String()
		}
		for i := range s.Verdicts {
			if v := &s.Verdicts[i]; v.Quiet() && x.Covers(v.Check) {
				st.Quiet = append(st.Quiet, v.Check.String())
			}
		}
		out = append(out, st)
	}
	return out
}
