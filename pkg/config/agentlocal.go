package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// local checks what the fleet file may name of this agent's machine.
func (c *agentCheck) local() {
	names := map[string]bool{}
	for i, cmd := range c.agent.Commands {
		path := fmt.Sprintf("$.commands[%d]", i)
		c.localName(path, cmd.Name, names)
		switch {
		case len(cmd.Argv) == 0 || cmd.Argv[0] == "":
			c.at(path+".argv", "argv: [/usr/lib/nagios/plugins/check_disk, -w, 10%]", "no program")
		case !filepath.IsAbs(cmd.Argv[0]):
			c.at(path+".argv[0]", "its whole path", "%q depends on the working directory or on PATH", cmd.Argv[0])
		default:
			c.exists(path+".argv[0]", cmd.Argv[0])
		}
	}
	names = map[string]bool{}
	for i, d := range c.agent.Directories {
		path := fmt.Sprintf("$.directories[%d]", i)
		c.localName(path, d.Name, names)
		if info, err := os.Stat(d.Path); d.Path == "" || err != nil || !info.IsDir() {
			c.at(path+".path", "a directory on the disk that the softswitch writes to", "%q is no directory", d.Path)
		}
	}
}

func (c *agentCheck) localName(path, name string, names map[string]bool) {
	if why := fleet.LabelProblem(name); why != "" {
		c.at(path+".name", "one DNS label such as disk", "name %q %s", name, why)
	} else if names[name] {
		c.at(path+".name", "delete one of them", "%s stands twice", name)
	}
	names[name] = true
}
