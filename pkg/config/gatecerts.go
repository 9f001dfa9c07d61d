package config

import "fmt"

// certificates looks whether the files are there. What is in them is looked at
// by the gate, which goes on with the good ones.
func (c *agentCheck) certificates(needed bool) {
	g := c.agent.Gate
	if needed && len(g.Certificates) == 0 && (g.Certificate == "" || g.Key == "") {
		c.at("$.gate", "certificate: FILE and key: FILE", "tls needs a certificate and a key")
	}
	c.exists("$.gate.certificate", g.Certificate)
	c.key("$.gate.key", g.Key)
	for i, p := range g.Certificates {
		path := fmt.Sprintf("$.gate.certificates[%d]", i)
		if p.Certificate == "" || p.Key == "" {
			c.at(path, "{certificate: FILE, key: FILE}", "a certificate needs its key, and a key its certificate")
			continue
		}
		c.exists(path+".certificate", p.Certificate)
		c.key(path+".key", p.Key)
	}
}

// key looks for a key, and at who may read it.
func (c *agentCheck) key(path, file string) {
	if !c.exists(path, file) {
		return
	}
	if err := CheckPrivate(file); err != nil {
		c.at(path, "chmod 600 "+file, "%v", err)
	}
}
