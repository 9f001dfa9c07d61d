package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/incident"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// StatusPage says where this agent writes the page for customers. Every agent
// may: each site's web server then has its own, also when the others are dead.
type StatusPage struct {
	Dir     string // "": none
	Brand   string
	Address string // of the page, for the feed
	Zone    *time.Location
	// Services are those of the brand; empty is all.
	Services []string
	// Brands are further pages.
	Brands []StatusPage
}

// pages are all that are written.
func (p StatusPage) pages() []StatusPage {
	var out []StatusPage
	for _, page := range append([]StatusPage{p}, p.Brands...) {
		if page.Dir != "" {
			out = append(out, page)
		}
	}
	return out
}

// statusPageAge is how often the page is looked at without a change, for what
// becomes old.
const statusPageAge = time.Hour

// writeStatusPages keeps the pages current. A change is there within a second; a
// directory that cannot be written to is told once for each reason.
func (a *Agent) writeStatusPages(ctx context.Context) {
	pages := a.cfg.StatusPage.pages()
	if len(pages) == 0 {
		return
	}
	told := ""
	for ctx.Err() == nil {
		_, changed := a.pub.served()
		wait := statusPageAge
		if s := a.state(); s.Fleet != nil {
			now := a.now()
			reason := ""
			var errs []error
			for _, p := range pages {
				errs = append(errs, p.write(s, now))
			}
			if err := errors.Join(errs...); err != nil {
				reason = err.Error()
			}
			if reason != "" && reason != told {
				a.log.Error().Str("reason", reason).Msg("cannot write the status page; the old one stays")
			}
			told = reason
			st := incident.StatusOf(s, "", now)
			if next, ok := st.Changes(now); ok {
				wait = min(wait, next.Sub(now)+time.Second)
			}
		}
		timer := time.NewTimer(wait)
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
	all := incident.StatusOf(s, p.Brand, now)
	var services []string
	for _, name := range p.Services {
		if !strings.Contains(name, ".") {
			name += "." + s.Fleet.Zone
		}
		services = append(services, name)
	}
	if err := all.Unknown(services); err != nil {
		return fmt.Errorf("%s: %w", p.Dir, err)
	}
	st := all.Only(services)
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
	return wholefile.PutAs(path, text, 0o644)
}
