package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
	"github.com/sipsteer/sipsteer/raftstore"
)

const (
	// defaultBehind is how far the delayed copy is behind.
	defaultBehind = 24 * time.Hour
	// delayedSteps is how many copies are taken in that time.
	delayedSteps = 24
	delayedDir   = "delayed"
	copySuffix   = ".backup"
	copyTime     = "20060102T150405.000Z"
)

// delayed keeps copies of the State as files, of which the one that is at least
// so far behind is the delayed copy: what damaged the State since then has not
// reached it. Nothing that is replicated writes or removes them; only their age
// does, and only while the State here is not in doubt.
type delayed struct {
	dir    string
	behind time.Duration
	log    zerolog.Logger
	take   func(*os.File) error // writes a backup
	doubt  func() string        // why the State is in doubt, or ""
	drill  func(ctx context.Context, path string) (Drill, error)

	mu sync.Mutex
	// guarded by mu:
	newest  time.Time // of the copies
	copy    string    // path of the delayed copy, "" when there is none yet
	copyAt  time.Time
	problem string
	// practice is how the last restore of the copy went, nil before the first.
	practice *api.CopyPractice
}

func newDelayed(dir string, behind time.Duration, store func() *raftstore.Store, doubt func() string, log zerolog.Logger) *delayed {
	return &delayed{
		dir: filepath.Join(dir, delayedDir), behind: behind, log: log, doubt: doubt, drill: drillFile,
		take: func(f *os.File) error { _, err := store().Backup(f); return err },
	}
}

// run takes copies until ctx ends.
func (d *delayed) run(ctx context.Context) {
	step := max(d.behind/delayedSteps, time.Second)
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		d.turn(time.Now(), step)
		d.practise(ctx, time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// turn takes a copy if one is due, forgets what is too old, and remembers what
// went wrong.
func (d *delayed) turn(now time.Time, step time.Duration) {
	err := d.refresh(now, step)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.problem == "" {
		d.log.Error().Err(err).Msg("cannot keep the delayed copy")
	}
	d.problem = ""
	if err != nil {
		d.problem = err.Error()
	}
}

func (d *delayed) refresh(now time.Time, step time.Duration) error {
	if why := d.doubt(); why != "" {
		return fmt.Errorf("no copy is taken and none removed while the state is in doubt: %s", why)
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	times, err := d.list()
	if err != nil {
		return err
	}
	if len(times) == 0 || now.Sub(times[len(times)-1]) >= step*9/10 {
		if err := d.write(now); err != nil {
			return err
		}
		times = append(times, now.UTC().Truncate(time.Millisecond))
	}
	return d.choose(now, times)
}

// list returns when the copies were taken, oldest first.
func (d *delayed) list() ([]time.Time, error) {
	files, err := filepath.Glob(filepath.Join(d.dir, "*"+copySuffix))
	if err != nil {
		return nil, fmt.Errorf("list copies: %w", err)
	}
	var out []time.Time
	for _, f := range files {
		t, err := time.Parse(copyTime, strings.TrimSuffix(filepath.Base(f), copySuffix))
		if err == nil {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out, nil
}

func (d *delayed) path(t time.Time) string {
	return filepath.Join(d.dir, t.UTC().Format(copyTime)+copySuffix)
}

// write takes a copy and reads it back before it counts.
func (d *delayed) write(now time.Time) error {
	if err := d.tidy(); err != nil {
		return err
	}
	return wholefile.Fill(d.path(now), func(f *os.File) error {
		if err := d.take(f); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := ReadBackup(f)
		return err
	})
}

// tidy removes copies that a crash left unfinished.
func (d *delayed) tidy() error {
	files, err := filepath.Glob(filepath.Join(d.dir, "*"+wholefile.Suffix))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		return fmt.Errorf("remove unfinished copies: %w", err)
	}
	return nil
}

func checkCopy(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = ReadBackup(f)
	return err
}

// choose finds the delayed copy, the newest one that is old enough and whole,
// and removes those that are older than it.
func (d *delayed) choose(now time.Time, times []time.Time) error {
	var bad error
	chosen := -1
	for i, t := range slices.Backward(times) {
		if now.Sub(t) < d.behind {
			continue
		}
		err := checkCopy(d.path(t))
		if err == nil {
			chosen = i
			break
		}
		bad = errors.Join(bad, fmt.Errorf("%s: %w", d.path(t), err))
	}
	for i := range max(chosen, 0) {
		bad = errors.Join(bad, os.Remove(d.path(times[i])))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest, d.copy, d.copyAt = times[len(times)-1], "", time.Time{}
	if chosen >= 0 {
		d.copy, d.copyAt = d.path(times[chosen]), times[chosen]
	}
	return bad
}

// status returns the delayed copy and when it was taken, and what is wrong.
func (d *delayed) status() (path string, at time.Time, problem string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.copy, d.copyAt, d.problem
}
