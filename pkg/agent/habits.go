package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

const (
	// habitsFile is what this agent's gate has learnt of sources.
	habitsFile = "habits.json"
	// habitsFormat is the version of what stands in it.
	habitsFormat = 1
)

// habits is what habitsFile holds.
type habits struct {
	Format int `json:"format"`
	health.Habits
}

// recallHabits takes in what the gate had learnt of sources before the last stop.
// Damage is named and costs the time to learn anew, not the agent.
func (a *Agent) recallHabits() error {
	text, err := checkedFile(filepath.Join(a.cfg.Dir, habitsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	known := false
	if err == nil {
		known, err = a.traffic.recall(text, time.Now())
	}
	switch {
	case err != nil:
		a.log.Error().Err(err).Str("file", habitsFile).Msg("cannot read what sources usually send; learning anew")
	case !known:
		a.log.Info().Str("file", habitsFile).Msg("what sources usually sent is too old; learning anew")
	}
	return nil
}

// keepHabits writes what was learnt, in a file that replaces the old one whole.
func (a *Agent) keepHabits() {
	text, known, err := a.traffic.learnt()
	if err == nil && known {
		err = replaceFile(filepath.Join(a.cfg.Dir, habitsFile), text)
	}
	if err != nil {
		a.log.Error().Err(err).Msg("cannot keep what sources usually send")
	}
}

// learnt is what is kept over a restart; false when there is nothing yet.
func (t *traffic) learnt() (text []byte, known bool, err error) {
	t.mu.Lock()
	h := t.sources.Habits()
	t.mu.Unlock()
	if h.Last.IsZero() {
		return nil, false, nil
	}
	if text, err = json.Marshal(habits{habitsFormat, h}); err != nil {
		return nil, false, fmt.Errorf("encode what sources usually send: %w", err)
	}
	return text, true, nil
}

// recall takes in what learnt returned; false when it is too old to be used.
func (t *traffic) recall(text []byte, now time.Time) (bool, error) {
	var in habits
	if err := json.Unmarshal(text, &in); err != nil {
		return false, fmt.Errorf("read what sources usually send: %w", err)
	}
	if in.Format != habitsFormat {
		return false, fmt.Errorf("read what sources usually send: format %d, this program knows %d", in.Format, habitsFormat)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sources.Recall(in.Habits, now)
}
