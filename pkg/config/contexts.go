package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// Contexts are the fleets that one person operates, each with its client file.
type Contexts struct {
	Format   int       `yaml:"format" json:"format"`
	Current  string    `yaml:"current,omitempty" json:"current,omitempty"` // used when nothing else is said
	Contexts []Context `yaml:"contexts" json:"contexts"`
}

// Context is one fleet.
type Context struct {
	Name   string `yaml:"name" json:"name"`
	Client string `yaml:"client" json:"client"` // whole path of its client file
}

// ErrNoContext is returned when no context has the name.
var ErrNoContext = errors.New("no such context")

var contextName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// ContextsFile is where a person's contexts are.
func ContextsFile(env func(string) string) (string, error) {
	if home := env("XDG_CONFIG_HOME"); home != "" {
		return filepath.Join(home, "sipsteer", "contexts.yaml"), nil
	}
	if home := env("HOME"); home != "" {
		return filepath.Join(home, ".config", "sipsteer", "contexts.yaml"), nil
	}
	return "", errors.New("neither XDG_CONFIG_HOME nor HOME is set: there is no place for contexts")
}

// LoadContexts reads them; without a file there are none.
func LoadContexts(path string) (*Contexts, error) {
	c := &Contexts{Format: ClientFormat}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read contexts: %w", err)
	}
	if err := Parse(path, text, c, c.validate); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Contexts) validate() []fleet.Problem {
	var out []fleet.Problem
	bad := func(path, hint, format string, args ...any) {
		out = append(out, fleet.Problem{Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
	}
	if c.Format != ClientFormat {
		bad("$.format", "format: 1", "form %d is not known", c.Format)
	}
	for i, x := range c.Contexts {
		path := fmt.Sprintf("$.contexts[%d]", i)
		if !contextName.MatchString(x.Name) {
			bad(path+".name", "lower-case letters, digits, dots and hyphens", "%q is no name of a context", x.Name)
		}
		if !filepath.IsAbs(x.Client) {
			bad(path+".client", "the whole path of a client file", "%q is no whole path", x.Client)
		}
		if c.index(x.Name) != i {
			bad(path+".name", "", "%s is there twice", x.Name)
		}
	}
	if c.Current != "" && c.index(c.Current) < 0 {
		bad("$.current", "sipsteer context use NAME", "no context is called %q", c.Current)
	}
	return out
}

func (c *Contexts) index(name string) int {
	return slices.IndexFunc(c.Contexts, func(x Context) bool { return x.Name == name })
}

// Find returns one of them. The error is ErrNoContext.
func (c *Contexts) Find(name string) (Context, error) {
	if i := c.index(name); i >= 0 {
		return c.Contexts[i], nil
	}
	return Context{}, fmt.Errorf("%w: %q", ErrNoContext, name)
}

// Set adds a context or gives it another file. The first one becomes current.
func (c *Contexts) Set(name, client string) error {
	if !contextName.MatchString(name) {
		return fmt.Errorf("%q is no name of a context: lower-case letters, digits, dots and hyphens", name)
	}
	whole, err := filepath.Abs(client)
	if err != nil {
		return fmt.Errorf("find %s: %w", client, err)
	}
	if _, err := LoadClient(whole); err != nil {
		return err
	}
	if i := c.index(name); i >= 0 {
		c.Contexts[i].Client = whole
		return nil
	}
	c.Contexts = append(c.Contexts, Context{name, whole})
	if c.Current == "" {
		c.Current = name
	}
	return nil
}

// Remove forgets a context; its client file stays.
func (c *Contexts) Remove(name string) error {
	i := c.index(name)
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrNoContext, name)
	}
	c.Contexts = slices.Delete(c.Contexts, i, i+1)
	if c.Current == name {
		c.Current = ""
	}
	return nil
}

// Save writes them whole.
func (c *Contexts) Save(path string) error {
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := wholefile.Replace(path, text); err != nil {
		return fmt.Errorf("write contexts: %w", err)
	}
	return nil
}
