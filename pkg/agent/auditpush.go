package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// AuditTo is a receiver of the audit trail.
type AuditTo struct {
	// Name says where it is, and is by what its position is kept.
	Name string
	// Every has each agent send its own trail; else the one that leads sends.
	Every bool
	// Send is given lines of RFC 5424 and returns nil when the receiver has them all.
	Sender LineSender
}

// LineSender carries lines to a receiver. Send is called by one goroutine.
type LineSender interface {
	Send(ctx context.Context, lines []string) error
	Close() error
}

const (
	// auditBatch is how many records are sent at a time.
	auditBatch = 100
	// auditTick is how often it is looked for more when nothing says that there is.
	auditTick = 2 * time.Second
	// auditFollow is how often an agent that does not send learns how far the one
	// that does has come: so much is sent twice when that one dies.
	auditFollow = 5 * time.Second
	// The pause after a receiver that fails doubles from the first to the second.
	auditRetry, auditRetryMost = time.Second, 30 * time.Second
	// auditPatience is after how long a receiver that fails is a problem of the agent.
	auditPatience = 15 * time.Second
	// auditWaiting bounds the count of records that wait.
	auditWaiting = 10000
)

// auditFile keeps the positions, in the data directory.
const auditFile = "audit-sent.json"

// auditPush sends what the archive keeps to the receivers, each from where it
// stopped. The archive is the buffer: a receiver that is dead costs no memory, and
// no command waits for it.
type auditPush struct {
	dir  string
	log  zerolog.Logger
	file sync.Mutex // one writer of the file
	mu   sync.Mutex
	// guarded by mu:
	to map[string]*api.AuditTarget
}

func newAuditPush(dir string, to []AuditTo, log zerolog.Logger) *auditPush {
	p := &auditPush{dir: dir, log: log, to: map[string]*api.AuditTarget{}}
	sent := p.load()
	for _, t := range to {
		p.to[t.Name] = &api.AuditTarget{To: t.Name, Every: t.Every, Sent: sent[t.Name]}
	}
	return p
}

// load returns the kept positions. Without, all that is kept is sent: twice is
// better than never.
func (p *auditPush) load() map[string]uint64 {
	sent := map[string]uint64{}
	text, err := os.ReadFile(filepath.Join(p.dir, auditFile))
	if errors.Is(err, fs.ErrNotExist) {
		return sent
	}
	if err == nil {
		err = json.Unmarshal(text, &sent)
	}
	if err != nil {
		p.log.Warn().Err(err).Msg("cannot recall how far the audit trail was sent; all that is kept is sent again")
		return map[string]uint64{}
	}
	return sent
}

func (p *auditPush) target(name string) api.AuditTarget {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *p.to[name]
}

// came notes how far it came, which only grows.
func (p *auditPush) came(name string, index uint64) {
	p.file.Lock()
	defer p.file.Unlock()
	p.mu.Lock()
	t := p.to[name]
	if index <= t.Sent {
		p.mu.Unlock()
		return
	}
	t.Sent = index
	sent := map[string]uint64{}
	for _, t := range p.to {
		sent[t.To] = t.Sent
	}
	p.mu.Unlock()
	if err := p.keep(sent); err != nil {
		p.log.Warn().Err(err).Msg("cannot keep how far the audit trail was sent; a restart sends some of it again")
	}
}

func (p *auditPush) keep(sent map[string]uint64) error {
	text, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("encode positions: %w", err)
	}
	return wholefile.Put(filepath.Join(p.dir, auditFile), text)
}

// fared notes whether the receiver takes the trail; nil when it does, or when this
// agent does not send.
func (p *auditPush) fared(name string, err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.to[name]
	switch {
	case err == nil && t.Problem != "":
		p.log.Info().Str("to", name).Msg("the audit trail is taken again")
		t.Problem, t.Since = "", time.Time{}
	case err != nil && t.Problem == "":
		p.log.Warn().Err(err).Str("to", name).Msg("the audit trail is not taken; it is kept and sent later")
		t.Since = now
	}
	if err != nil {
		t.Problem = err.Error()
	}
}

// pushAudit sends the trail to one receiver until ctx ends.
func (a *Agent) pushAudit(ctx context.Context, to AuditTo) {
	defer func() {
		if err := to.Sender.Close(); err != nil {
			a.log.Debug().Err(err).Str("to", to.Name).Msg("the connection of the audit trail did not end cleanly")
		}
	}()
	retry := auditRetry
	for ctx.Err() == nil {
		_, changed := a.pub.served()
		if leader, _ := a.store.Leader(); !to.Every && leader != a.cfg.Name {
			a.audit.fared(to.Name, nil, time.Now())
			a.followAudit(ctx, to.Name, leader)
			pause(ctx, auditFollow)
			continue
		}
		more, err := a.pushSome(ctx, to)
		if ctx.Err() != nil {
			return
		}
		a.audit.fared(to.Name, err, time.Now())
		switch {
		case err != nil:
			pause(ctx, retry)
			retry = min(2*retry, auditRetryMost)
			continue
		case more:
			retry = auditRetry
			continue
		}
		tick := time.NewTimer(auditTick) // what is refused changes no answer
		select {
		case <-ctx.Done():
		case <-changed:
		case <-tick.C:
		}
		tick.Stop()
	}
}

// pushSome sends the next records; false when there are none.
func (a *Agent) pushSome(ctx context.Context, to AuditTo) (bool, error) {
	page, err := a.Audit(ctx, a.audit.target(to.Name).Sent, auditBatch)
	if err != nil || len(page) == 0 {
		return false, err
	}
	var lines []string
	for _, r := range page {
		lines = append(lines, r.Syslog()...)
	}
	if len(lines) > 0 {
		if err := to.Sender.Send(ctx, lines); err != nil {
			return false, err
		}
	}
	a.audit.came(to.Name, page[len(page)-1].Index)
	return true, nil
}

// followAudit learns from the agent that leads how far it came. Log entries are
// the same at all agents.
func (a *Agent) followAudit(ctx context.Context, name string, leader fleet.AgentID) {
	c, ok := a.client(leader)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, auditFollow)
	defer cancel()
	st, err := c.Store(ctx)
	if err != nil {
		return // nobody leads, or it is out of reach: asked again
	}
	for _, t := range st.Audit {
		if t.To == name && !t.Every {
			a.audit.came(name, t.Sent)
		}
	}
}

// auditTargets says of each receiver how far the trail came.
func (a *Agent) auditTargets() []api.AuditTarget {
	out := []api.AuditTarget{}
	for _, to := range a.cfg.Audit {
		t := a.audit.target(to.Name)
		t.Waiting = len(a.past.archive.After(t.Sent, auditWaiting))
		out = append(out, t)
	}
	return out
}

// auditProblem is why a receiver does not take the trail; "" when all do, and while
// a receiver may only be restarting.
func (a *Agent) auditProblem() string {
	for _, to := range a.cfg.Audit {
		if t := a.audit.target(to.Name); t.Problem != "" && time.Since(t.Since) >= auditPatience {
			return fmt.Sprintf("the audit trail is not taken by %s since %s: %s", t.To, t.Since.UTC().Format(time.RFC3339), t.Problem)
		}
	}
	return ""
}
