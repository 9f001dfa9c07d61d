package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secrets are the passwords that this agent has. They are read when they are
// needed and go nowhere but into a login: not into the log, not into a report,
// not into State.
type Secrets struct {
	// Dir holds a file for each, of the secret's name. Empty means none.
	Dir string
	// Getenv reads the environment; nil means that it holds none.
	Getenv func(string) string
}

var errNoSecret = errors.New("it is in no file and not in the environment")

// secretPrefix begins the names of secrets in the environment.
const secretPrefix = "SIPSTEER_SECRET_"

// lookup returns a secret: from the environment, else from its file, which
// nobody but its owner may read. A line end at its end does not belong to it.
func (s Secrets) lookup(name string) (string, error) {
	variable := secretPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if s.Getenv != nil {
		if v := s.Getenv(variable); v != "" {
			return v, nil
		}
	}
	if s.Dir == "" {
		return "", fmt.Errorf("find secret %s: %w; set secrets_dir in the agent file, or %s", name, errNoSecret, variable)
	}
	path := filepath.Join(s.Dir, filepath.Base(name))
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find secret %s: %w; write %s, or set %s", name, errNoSecret, path, variable)
	}
	if err != nil {
		return "", fmt.Errorf("find secret %s: %w", name, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("read secret %s: others may read %s (mode %04o); chmod 0600 it", name, path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", name, err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("read secret %s: %s is empty", name, path)
	}
	return secret, nil
}
