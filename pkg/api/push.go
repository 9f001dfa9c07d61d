package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// PushOrder has a gate ask devices to look again.
type PushOrder struct {
	By      string       `json:"by" maxLength:"128"`
	Reason  string       `json:"reason" maxLength:"512"`
	Targets []PushTarget `json:"targets" maxItems:"10000"`
}

// PushTarget is a straggler, as the list of them names it.
type PushTarget struct {
	AoR    string `json:"aor" maxLength:"300"`
	Source string `json:"source" maxLength:"64"`
}

// PushAnswer says whom a gate asks. What they say stands in the list of stragglers.
type PushAnswer struct {
	Asked   int        `json:"asked"`
	Skipped []PushSkip `json:"skipped"`
}

// PushSkip is a device that is not asked.
type PushSkip struct {
	AoR    string `json:"aor"`
	Source string `json:"source"`
	Why    string `json:"why"`
}

// PushTotals count devices that a gate has asked to look again since it was
// started.
type PushTotals struct {
	Asked   int `json:"asked"`
	Waiting int `json:"waiting"`
	Taken   int `json:"taken" doc:"Answered 2xx."`
	Refused int `json:"refused" doc:"Answered otherwise."`
	Silent  int `json:"silent" doc:"No answer within 32 s."`
	Gone    int `json:"gone" doc:"Their connection was gone."`
}

func (s *server) pushes(a huma.API, b GateBackend) {
	huma.Register(a, op("own-push", http.MethodPost, "/v1/peer/push", "Have this agent's gate ask devices to look again"),
		func(ctx context.Context, in *struct{ Body PushOrder }) (*body[PushAnswer], error) {
			return answer(b.OwnPush(ctx, in.Body))
		})
}

// OwnPush has the agent's own gate ask devices to look again.
func (c *Client) OwnPush(ctx context.Context, o PushOrder) (out PushAnswer, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/peer/push", o, &out, true)
}
