package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// ClientFormat is the version of the client file's form.
const ClientFormat = 1

// Client is client.yaml: how the command line finds the agents.
type Client struct {
	Format int           `yaml:"format" json:"format" jsonschema:"enum=1"`
	Agents []ClientAgent `yaml:"agents" json:"agents" jsonschema:"minItems=1"`
	// Lab is set in the file that a lab writes.
	Lab *ClientLab `yaml:"lab,omitempty" json:"lab,omitempty"`
}

// ClientAgent is one agent's API.
type ClientAgent struct {
	Name fleet.AgentID `yaml:"name" json:"name"`
	API  string        `yaml:"api" json:"api" jsonschema:"description=URL such as http://192.0.2.1:8300"`
}

// ClientLab is how to reach a running lab.
type ClientLab struct {
	// Control is its socket, relative to the file.
	Control string `yaml:"control" json:"control"`
}

// LoadClient reads a client file. The error is an *Error.
func LoadClient(path string) (*Client, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	var c Client
	d.decode(d.root, reflect.ValueOf(&c).Elem(), "$", 0)
	if len(d.problems) == 0 {
		c.validate(d)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	if c.Lab != nil && !filepath.IsAbs(c.Lab.Control) {
		c.Lab.Control = filepath.Join(filepath.Dir(path), c.Lab.Control)
	}
	return &c, nil
}

func (c *Client) validate(d *document) {
	if c.Format != ClientFormat {
		d.at("$.format", fmt.Sprintf("write format: %d", ClientFormat), "format %d is not one that this program reads", c.Format)
	}
	if len(c.Agents) == 0 {
		d.at("$.agents", "list each agent's API", "no agents")
	}
	seen := map[string]bool{}
	for i, a := range c.Agents {
		path := fmt.Sprintf("$.agents[%d]", i)
		u, err := url.Parse(a.API)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			d.at(path+".api", "http://HOST:PORT", "%q is not a URL of an API", a.API)
		}
		if a.Name == "" || seen[string(a.Name)] {
			d.at(path+".name", "each agent's own", "name %q is missing or stands twice", a.Name)
		}
		seen[string(a.Name)] = true
	}
}

// FindClient returns the client file to use: the one named by the flag, by
// SIPSTEER_CONFIG, or the first that exists of the usual places. The error
// lists where it looked.
func FindClient(flag string, env func(string) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if path := env("SIPSTEER_CONFIG"); path != "" {
		return path, nil
	}
	home := env("XDG_CONFIG_HOME")
	if home == "" {
		home = filepath.Join(env("HOME"), ".config")
	}
	places := []string{
		filepath.Join("sipsteer-lab", "client.yaml"),
		filepath.Join(home, "sipsteer", "client.yaml"),
		filepath.Join(string(filepath.Separator), "etc", "sipsteer", "client.yaml"),
	}
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("no client file: --config and $SIPSTEER_CONFIG are not set, and there is none of %s", strings.Join(places, ", "))
}
