package pki

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// foundingFile is there in the identity directory of an agent that founds a
// fleet, until the fleet exists.
const foundingFile = "founding.json"

// Founder is an agent that is there from the beginning.
type Founder struct {
	Agent Agent
	// Dir is its identity directory, which must hold none yet.
	Dir string
	// Hosts are those that its certificate names besides.
	Hosts []string
}

// Founding is what the founders of a fleet begin with.
type Founding struct {
	Agents   []Agent  `json:"agents"`
	Registry Registry `json:"registry"`
}

// FirstAdmin is the operator that a new fleet has.
const FirstAdmin = "admin"

// FoundFleet makes the authority of a new fleet and the identity of each
// founder, all of which hold its key. It returns the token of the first admin,
// which is kept nowhere.
func FoundFleet(fleet string, founders []Founder, now time.Time) (token string, err error) {
	for _, f := range founders {
		if Exists(f.Dir) {
			return "", fmt.Errorf("found fleet: %s holds an identity already", f.Dir)
		}
	}
	authority, err := NewAuthority(fleet, now)
	if err != nil {
		return "", err
	}
	secret, hash, err := NewSecret()
	if err != nil {
		return "", err
	}
	start := Founding{Registry: Registry{Format: RegistryFormat, Operators: []Operator{{Name: FirstAdmin, Role: Admin, Hash: hash}}}}
	for _, f := range founders {
		f.Agent.Voter = true
		start.Agents = append(start.Agents, f.Agent)
		next, err := start.Registry.Apply(Change{Kind: SetAgent, At: now, Agent: &f.Agent})
		if err != nil {
			return "", err
		}
		start.Registry = next
	}
	text, err := json.MarshalIndent(start, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode founding: %w", err)
	}
	for _, f := range founders {
		if _, err := Found(f.Dir, authority, f.Agent.Name, f.Hosts, now); err != nil {
			return "", fmt.Errorf("make identity of %s: %w", f.Agent.Name, err)
		}
		if err := wholefile.Replace(filepath.Join(f.Dir, foundingFile), text); err != nil {
			return "", fmt.Errorf("write founding: %w", err)
		}
	}
	return OperatorToken(FirstAdmin, secret), nil
}

// LoadFounding returns what a founder begins with; ok is false for an agent that
// joins, or whose fleet exists.
func LoadFounding(dir string) (f Founding, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, foundingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return f, false, fmt.Errorf("read founding: %w", err)
	}
	return f, true, nil
}

// Founded is called when the fleet exists. From then on this agent founds none:
// if its store is lost, it waits to be added again, and has no vote before that.
func Founded(dir string) error {
	err := os.Rename(filepath.Join(dir, foundingFile), filepath.Join(dir, foundingFile+".done"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = wholefile.SyncDir(dir) // a power cut must not bring it back
	}
	if err != nil {
		return fmt.Errorf("end founding: %w", err)
	}
	return nil
}

// ParseAuthority reads an authority's certificate, as an operator has it.
func ParseAuthority(path string) (*Authority, error) {
	cert, err := readCert(path)
	if err != nil {
		return nil, err
	}
	return &Authority{cert: cert}, nil
}
