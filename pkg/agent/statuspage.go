package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sipsteer/sipsteer/pkg/incident"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// StatusPage says where this agent writes the page for customers. Every agent
// may: each site's web server then has its own, also when the others are dead.
type StatusPage struct {
	Dir     string // "": none
	Brand   string
	Address string // of the page, for the feed
	Zone    *time.Location
}

// statusPageAge is how often the page is looked at without a change, for what
// becomes old.
const statusPageAge = time.Hour

// writeStatusPage keeps the page current. A change is there within a second; a
// directory that cannot be written to is told once for each reason.
func (a *Agent) writeStatusPage(ctx context.Context) {
	if a.cfg.StatusPage.Dir == "" {
		return
	}
	told := ""
	for ctx.Err() == nil {
		_, changed := a.pub.served()
		if s := a.state(); s.Fleet != nil {
			reason := ""
			if err := a.cfg.StatusPage.write(s, a.now()); err != nil {
				reason = err.Error()
			}
			if reason != "" && reason != told {
				a.log.Error().Str("reason", reason).Msg("cannot write the status page; the old one stays")
			}
			told = reason
		}
		timer := time.NewTimer(statusPageAge)
		select {
		case <-ctx.Done():
		case <-changed:
			pause(ctx, leaderTick) // a burst of changes is one page
		case <-timer.C:
		}
		timer.Stop()
	}
}

// write makes the files and puts those that differ in place.
func (p StatusPage) write(s steer.State, now time.Time) error {
	st := incident.StatusOf(s, p.Brand, now)
	files := map[string]func() ([]byte, error){
		"status.json":   st.JSON,
		"index.html":    func() ([]byte, error) { return st.HTML(incident.Options{Lang: incident.English, Zone: p.Zone}) },
		"index.fr.html": func() ([]byte, error) { return st.HTML(incident.Options{Lang: incident.French, Zone: p.Zone}) },
		"feed.atom":     func() ([]byte, error) { return st.Atom(incident.Options{Zone: p.Zone}, p.Address) },
	}
	var errs []error
	for name, render := range files {
		text, err := render()
		if err == nil {
			err = putPage(filepath.Join(p.Dir, name), text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// putPage puts a whole file in place, so that a web server never reads half
// of one.
func putPage(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".status-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone by then, unless something went wrong
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
