package agent

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore"
)

// keepIdentity writes what the fleet has signed.
func keepIdentity(answer api.JoinAnswer, token pki.JoinToken, key crypto.Signer, dir string) error {
	authority, err := pki.Import(answer.Authority, answer.AuthorityKey)
	if err != nil {
		return err
	}
	if authority.Fingerprint() != token.Authority {
		return fmt.Errorf("keep identity: %w", pki.ErrStranger)
	}
	if _, err := pki.Create(dir, authority, key, answer.Certificate); err != nil {
		return fmt.Errorf("keep identity: %w", err)
	}
	return nil
}

// RejoinFleet moves the store of a stopped agent aside and has the fleet take
// the agent in again: when it starts, it gets everything from the others and
// votes when it has caught up. It returns where the old store is.
//
// The fleet is asked first. If it cannot answer, nothing was changed.
func RejoinFleet(ctx context.Context, cfg Config) (aside string, err error) {
	if cfg.Identity == nil {
		return "", errors.New("rejoin: this agent has no identity")
	}
	errs := []error{errors.New("no other agent could take this one in again")}
	for _, p := range neighbours(cfg) {
		if p.Name == cfg.Name {
			continue
		}
		c := api.NewTLSClient(api.ClientConfig{
			Name: string(p.Name), Base: "https://" + p.API, Dial: cfg.DialPeer,
			TLS: cfg.Identity.Client(string(p.Name), time.Now, func(pki.Peer) error { return nil }),
		})
		err := c.Rejoin(ctx)
		c.Close()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		aside = filepath.Join(cfg.Dir, "replaced-"+time.Now().UTC().Format("20060102T150405Z"))
		// In this order: with neither a store nor the mark it would begin as one of
		// the first agents, and vote as that.
		if err := raftstore.Await(cfg.Dir); err != nil {
			return "", err
		}
		return aside, raftstore.SetAside(cfg.Dir, aside)
	}
	return "", errors.Join(errs...)
}

// Recover brings a fleet back from this agent's directory alone, when so many
// others are lost for good that no majority is left. The agent begins a new
// cluster with everything that its log holds and itself as the only member; the
// others rejoin. It must not run. Lost ones that come back with their old stores,
// a majority of them, go on as the fleet of before among themselves until this one
// takes them in: what they decide meanwhile is lost.
func Recover(cfg Config, by, reason string) (BackupContents, string, error) {
	m := newMachine(cfg.Logger, func(steer.State) {})
	found, err := raftstore.Salvage(cfg.Dir, cfg.Name, "", m)
	if err != nil {
		return BackupContents{}, "", err
	}
	held := m.content()
	info := raftstore.BackupInfo{
		Agent: cfg.Name, TakenAt: time.Now().UTC(), Index: found.Index, Term: found.Term, Chain: found.Chain, Members: found.Members,
	}
	c := describe(info, held)
	var self []raftstore.Member
	for _, p := range cfg.Peers {
		if p.Name == cfg.Name {
			self = []raftstore.Member{{ID: p.Name, Address: p.Raft, Voter: true}}
		}
	}
	aside, err := Restore(c, RestoreTarget{Name: cfg.Name, Dir: cfg.Dir, Replace: true, Members: self, By: by, Reason: reason, Recovered: true})
	return c, aside, err
}
