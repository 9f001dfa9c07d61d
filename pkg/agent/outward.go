package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/runbook"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Outward is what runbooks may do outside of the program. The zero value is
// nothing.
type Outward struct {
	Exec     []string // full paths of programs
	Webhooks []string // beginnings of URLs
	Edge     []string // methods of this site's edge
}

// maxSaid bounds what is kept of a program's output, in octets.
const maxSaid = 300

// errand does what a step wants done outside of the State and returns what
// became of it: done, fail, or "" when it may be tried again.
func (a *Agent) errand(ctx context.Context, x runbook.Errand) (steer.RunMove, string) {
	ctx, cancel := context.WithTimeout(ctx, x.What.Limit.D())
	defer cancel()
	switch x.What.Do {
	case steer.ActExec:
		return a.cfg.Outward.exec(ctx, x)
	case steer.ActEdge:
		return a.edgeErrand(ctx, x)
	case steer.ActParity:
		return a.parityErrand(ctx, x)
	case steer.ActStragglers:
		return a.stragglersErrand(ctx, x)
	}
	return a.cfg.Outward.webhook(ctx, x)
}

// exec starts a program without a shell. What it says is quoted, since it may
// say anything.
func (o Outward) exec(ctx context.Context, x runbook.Errand) (steer.RunMove, string) {
	if !slices.Contains(o.Exec, x.What.Command[0]) {
		return steer.MoveFail, fmt.Sprintf("this agent may not start %q: add it to outward.exec of the agents' files", x.What.Command[0])
	}
	cmd := exec.CommandContext(ctx, x.What.Command[0], x.What.Command[1:]...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SIPSTEER_RUN=" + x.Run, "SIPSTEER_STEP=" + x.Step, "SIPSTEER_KEY=" + x.Run + "/" + x.Step}
	cmd.WaitDelay = time.Second
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return steer.MoveFail, fmt.Sprintf("the program did not end within %s and was killed", x.What.Limit)
	case err != nil:
		return steer.MoveFail, fmt.Sprintf("the program failed: %v: %q", err, out.text)
	}
	return steer.MoveDone, ""
}

// tail keeps the last octets of what is written.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxSaid):]
	return len(p), nil
}

// webhook posts a body. Every attempt has the same Idempotency-Key, by which the
// receiver can tell a repetition.
func (o Outward) webhook(ctx context.Context, x runbook.Errand) (steer.RunMove, string) {
	if !slices.ContainsFunc(o.Webhooks, func(p string) bool { return x.What.URL == p || below(x.What.URL, p) }) {
		return steer.MoveFail, fmt.Sprintf("this agent may not call %q: add its beginning to outward.webhooks of the agents' files", x.What.URL)
	}
	body := []byte(x.What.Body)
	if len(body) == 0 {
		body, _ = json.Marshal(map[string]string{"run": x.Run, "step": x.Step, "text": x.What.Text}) // strings always encode
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.What.URL, bytes.NewReader(body))
	if err != nil {
		return steer.MoveFail, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", x.Run+"/"+x.Step)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it could lead where none is allowed
	}
	resp, err := client.Do(req)
	if err != nil {
		return again(x, "no answer: "+err.Error())
	}
	resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		return steer.MoveDone, ""
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		return again(x, fmt.Sprintf("answered with status %d", resp.StatusCode))
	}
	return steer.MoveFail, fmt.Sprintf("answered with status %d", resp.StatusCode)
}

// below reports whether a URL begins with another one and goes on with a path:
// not with more of a host's name.
func below(url, p string) bool {
	return p != "" && strings.HasPrefix(url, strings.TrimSuffix(p, "/")+"/")
}

// again lets an attempt be followed by another one while there are any left.
func again(x runbook.Errand, why string) (steer.RunMove, string) {
	if x.Attempt < x.What.Tries {
		return "", why
	}
	return steer.MoveFail, fmt.Sprintf("%s, after %d tries", why, x.Attempt)
}
