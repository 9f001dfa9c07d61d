package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/pki"
)

// registryFile keeps who is who outside of the store, as the served State is
// kept: an agent that has no store, or has not read it yet, still knows its
// operators and whose identity was taken back.
const registryFile = "served-registry.json"

// who is the registry by which callers are judged: the one applied here or,
// while there is none, the one that was kept.
func (a *Agent) who() pki.Registry {
	if r := a.machine.Registry(); len(r.Agents)+len(r.Operators) > 0 {
		return r
	}
	return a.recalled
}

// recallRegistry reads what was kept. What cannot be read is passed over: then
// nobody is known until the log is read, as at a first start.
func (a *Agent) recallRegistry() error {
	text, err := checkedFile(filepath.Join(a.cfg.Dir, registryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r pki.Registry
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		a.log.Error().Err(err).Msg("cannot recall who is who; waiting for the log instead")
		return nil
	}
	a.recalled = r
	return nil
}

// keepRegistry writes the file each time that the registry has changed, until
// ctx ends, and what is left then.
func (a *Agent) keepRegistry(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-a.machine.registered:
		case <-ctx.Done():
		}
		now := a.machine.Registry()
		if len(now.Agents)+len(now.Operators) == 0 {
			continue // nothing was applied here yet: what was kept stays
		}
		if err := a.writeRegistry(now); err != nil {
			a.log.Warn().Err(err).Msg("cannot keep who is who")
		}
	}
}

func (a *Agent) writeRegistry(r pki.Registry) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode registry: %w", err)
	}
	return replaceFile(filepath.Join(a.cfg.Dir, registryFile), text)
}
