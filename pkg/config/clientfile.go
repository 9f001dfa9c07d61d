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
	// Format is the version of the file's form; now 1.
	Format int `yaml:"format" json:"format" jsonschema:"enum=1" jsonschema_description:"Version of this file's form."`
	// Agents are asked in this order until one answers.
	Agents []ClientAgent `yaml:"agents" json:"agents" jsonschema:"minItems=1" jsonschema_description:"APIs of the agents, asked in this order until one answers."`
	// CA is the PEM file of the fleet's authority: agents are known by it.
	CA string `yaml:"ca,omitempty" json:"ca,omitempty" jsonschema_description:"PEM file of the fleet's authority, by which agents are known. Relative to this file."`
	// Token is a file with the operator's token, mode 0600.
	Token string `yaml:"token,omitempty" json:"token,omitempty" jsonschema_description:"File with the operator's token, mode 0600 at most. Relative to this file."`
	// Lab is set in the file that a lab writes.
	Lab *ClientLab `yaml:"lab,omitempty" json:"lab,omitempty" jsonschema_description:"Set in the file that a lab writes."`
}

// ClientAgent is one agent's API.
type ClientAgent struct {
	// Name of the agent.
	Name fleet.AgentID `yaml:"name" json:"name" jsonschema_description:"Name of the agent."`
	// API is its URL: https://192.0.2.1:8300, or unix:///PATH for the socket in
	// its data directory.
	API string `yaml:"api" json:"api" jsonschema_description:"URL of its API: https://192.0.2.1:8300, or unix:///PATH for the socket in the agent's data directory."`
}

// ClientLab is how to reach a running lab.
type ClientLab struct {
	// Control is its socket, relative to the file.
	Control string `yaml:"control" json:"control" jsonschema_description:"Socket of the running lab, relative to this file."`
}

// LoadClient reads a client file. The error is an *Error.
func LoadClient(path string) (*Client, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseClient(path, data)
}

// ParseClient reads the text of a client file at path, to which its control
// path is relative.
func ParseClient(path string, data []byte) (*Client, error) {
	d, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	var c Client
	d.decode(d.root, reflect.ValueOf(&c).Elem(), "$", 0)
	if c.Format > ClientFormat { // then other problems mean nothing
		d.problems, d.lost = nil, false
		d.format(c.Format, ClientFormat)
		return nil, d.err()
	}
	if !d.lost {
		c.validate(d)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	files := []*string{&c.CA, &c.Token}
	if c.Lab != nil {
		files = append(files, &c.Lab.Control)
	}
	for _, f := range files {
		if *f != "" && !filepath.IsAbs(*f) {
			*f = filepath.Join(filepath.Dir(path), *f)
		}
	}
	return &c, nil
}

func (c *Client) validate(d *document) {
	d.format(c.Format, ClientFormat)
	if len(c.Agents) == 0 {
		d.at("$.agents", `agents: [{name: calgary, api: "https://192.0.2.1:8300"}]`, "no agents")
	}
	seen := map[string]string{}
	for i, a := range c.Agents {
		path := fmt.Sprintf("$.agents[%d]", i)
		u, err := url.Parse(a.API)
		switch {
		case err == nil && u.Scheme == "unix" && u.Host == "" && u.Path != "":
		case err == nil && u.Scheme == "http" && u.Host != "":
			d.at(path+".api", "https://"+u.Host, "agents speak https alone")
		case err != nil || u.Scheme != "https" || u.Host == "":
			d.at(path+".api", "https://HOST:PORT", "%q is not the URL of an API", a.API)
		case c.CA == "":
			d.at(path+".api", "ca: FILE with the fleet's authority, as sipsteer agent init has made it", "%q needs ca, by which the agent is known", a.API)
		}
		if a.Name == "" {
			d.at(path+".name", "name: calgary", "name is missing")
			continue
		}
		for _, v := range []struct{ field, value string }{{"name", string(a.Name)}, {"api", a.API}} {
			if before, twice := seen[v.value]; twice {
				d.at(path+"."+v.field, "each agent has its own", "%s stands already at %s (line %d)", v.value, before, d.line(before))
			}
			seen[v.value] = path + "." + v.field
		}
	}
	if c.Lab != nil && c.Lab.Control == "" {
		d.at("$.lab", "control: PATH", "control is missing")
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
	places := []string{filepath.Join("sipsteer-lab", "client.yaml")}
	if home := env("XDG_CONFIG_HOME"); home != "" {
		places = append(places, filepath.Join(home, "sipsteer", "client.yaml"))
	} else if home := env("HOME"); home != "" {
		places = append(places, filepath.Join(home, ".config", "sipsteer", "client.yaml"))
	}
	places = append(places, filepath.Join(string(filepath.Separator), "etc", "sipsteer", "client.yaml"))
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("no client file: --config and $SIPSTEER_CONFIG are not set, and there is none of %s", strings.Join(places, ", "))
}
