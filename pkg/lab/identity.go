package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/pki"
)

// tokenName is the file with the lab's operator token.
const tokenName = "operator.token"

func (l *Lab) identityDir(site fleet.SiteID) string {
	return filepath.Join(l.cfg.Dir, "data", string(site), "pki")
}

func (l *Lab) tokenFile() string { return filepath.Join(l.cfg.Dir, tokenName) }

// makeIdentities founds the lab's fleet: its authority, an identity for each
// agent and an operator's token. A lab that is continued has them. The token is
// written last, so without it nothing has started yet and all is made anew.
func (l *Lab) makeIdentities() error {
	if _, err := os.Stat(l.tokenFile()); err == nil {
		return nil
	}
	var founders []pki.Founder
	for _, p := range l.layout.Places() {
		dir := l.identityDir(p.Site)
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove unfinished identity: %w", err)
		}
		founders = append(founders, pki.Founder{
			Agent: pki.Agent{Name: string(p.Site), Site: string(p.Site), Raft: p.Raft.String(), API: p.API.String()},
			Dir:   dir, Hosts: []string{p.AgentAddr.String()},
		})
	}
	token, err := pki.FoundFleet("lab", founders, time.Now())
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.tokenFile(), []byte(token+"\n"), 0o600); err != nil {
		return errors.Join(fmt.Errorf("write token: %w", err), os.Remove(l.tokenFile()))
	}
	return nil
}

// Client returns a client of a site's agent, with the lab's token.
func (l *Lab) Client(p Place) (*api.Client, error) {
	authority, err := pki.ParseAuthority(filepath.Join(l.identityDir(p.Site), "ca.pem"))
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(l.tokenFile())
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	return api.NewTLSClient(api.ClientConfig{
		Name: string(p.Site), Base: "https://" + p.API.String(), Token: strings.TrimSpace(string(token)),
		TLS: authority.Client(string(p.Site), time.Now),
	}), nil
}
