package config

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TSIGKey is a secret shared with secondaries (RFC 8945).
type TSIGKey struct {
	// Name is what both sides call it.
	Name string `yaml:"name" json:"name" jsonschema_description:"What both sides call the key: a domain name such as transfer.example.net. The algorithm is hmac-sha256."`
	// SecretFile holds the secret in base64, as tsig-keygen and keymgr print it;
	// nobody but its owner may read it.
	SecretFile string `yaml:"secret_file" json:"secret_file" jsonschema_description:"File with the secret in base64, mode 0600; relative to this file. 32 octets: openssl rand -base64 32"`
}

// Secondary is a name server that follows by zone transfer.
type Secondary struct {
	// Notify is where it is told of changes. Default: it is not told.
	Notify netip.AddrPort `yaml:"notify,omitempty" json:"notify,omitzero" jsonschema_description:"Address and port where it is told of changes (NOTIFY). Default: it is not told."`
	// From are the networks that it asks from. Default: the address of Notify.
	From []netip.Prefix `yaml:"from,omitempty" json:"from,omitempty" jsonschema_description:"Networks that it transfers from. Default: the address of notify."`
	// Key is one of the keys; without one there is no transfer.
	Key string `yaml:"key" json:"key" jsonschema_description:"Name of the key that it signs with. There is no transfer without one."`
}

// Update is a zone on somebody else's name server, kept by dynamic update.
type Update struct {
	// Zone is its name there; what is steered outside of it is not written.
	Zone string `yaml:"zone" json:"zone" jsonschema_description:"Name of the zone there: the steered zone or one above it. Only steered names in it are written."`
	// Server is the primary that takes updates by RFC 2136. Key is one of the
	// keys.
	Server netip.AddrPort `yaml:"server,omitempty" json:"server,omitzero" jsonschema_description:"Address and port of its primary name server, for updates by RFC 2136."`
	Key    string         `yaml:"key,omitempty" json:"key,omitempty" jsonschema_description:"Name of the key that signs the updates."`
	// PowerDNS is taken in place of them.
	PowerDNS *PowerDNS `yaml:"powerdns,omitempty" json:"powerdns,omitempty" jsonschema_description:"The HTTP API of PowerDNS, in place of server and key."`
	// Route53 is taken in place of them.
	Route53 *Route53 `yaml:"route53,omitempty" json:"route53,omitempty" jsonschema_description:"A hosted zone of Amazon Route 53, in place of server and key."`
	// Pause is the least time between two updates.
	Pause fleet.Duration `yaml:"pause,omitempty" json:"pause,omitzero" jsonschema_description:"Least time between two updates, where the server limits them. Default: none."`
}

// PowerDNS is a server or provider that is written to by the HTTP API of
// PowerDNS.
type PowerDNS struct {
	// URL without a path; https, but for this machine.
	URL string `yaml:"url" json:"url" jsonschema_description:"https://HOST:PORT of the API. Plain http is taken to 127.0.0.0/8 alone."`
	// KeyFile holds the API key; nobody but its owner may read it.
	KeyFile string `yaml:"key_file" json:"key_file" jsonschema_description:"File with the API key, mode 0600; relative to this file."`
	// ServerID is what the API calls the server.
	ServerID string `yaml:"server_id,omitempty" json:"server_id,omitempty" jsonschema_description:"What the API calls the server. Default: localhost."`
}

// Key reads the API key. The error never tells it.
func (p PowerDNS) Key() (string, error) {
	if err := CheckPrivate(p.KeyFile); err != nil {
		return "", err
	}
	text, err := os.ReadFile(p.KeyFile)
	if err != nil {
		return "", fmt.Errorf("read API key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsAny(key, "\r\n") {
		return "", fmt.Errorf("read API key: %s does not hold one line", p.KeyFile)
	}
	return key, nil
}

// update checks one zone at somebody else's.
func (c *agentCheck) update(path string, u Update, keys map[string]bool) {
	if u.Zone == "" {
		c.at(path+".zone", "zone: voice.example.net", "zone is missing")
	}
	if u.Pause < 0 {
		c.at(path+".pause", "0s or more", "pause is %s", u.Pause)
	}
	if u.Route53 != nil {
		if u.Server.IsValid() || u.Key != "" || u.PowerDNS != nil {
			c.at(path+".route53", "leave server, key and powerdns out", "the zone is written by one way")
			return
		}
		c.route53(path+".route53", u.Route53)
		return
	}
	if p := u.PowerDNS; p != nil {
		switch at, err := url.Parse(p.URL); {
		case u.Server.IsValid() || u.Key != "":
			c.at(path+".powerdns", "leave server and key out", "the zone is written by one way")
		case err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http":
			c.at(path+".powerdns.url", "url: https://dns.example.net:8081", "url is none")
		case c.exists(path+".powerdns.key_file", p.KeyFile):
			if _, err := p.Key(); err != nil {
				c.at(path+".powerdns.key_file", "chmod 600 "+p.KeyFile, "%v", err)
			}
		}
		return
	}
	if !u.Server.IsValid() || u.Server.Port() == 0 {
		c.at(path+".server", `server: "192.0.2.53:53"`, "server is missing")
	}
	if !keys[strings.ToLower(strings.TrimSuffix(u.Key, "."))] {
		c.at(path+".key", "the name of one of dns.keys", "there is no key %q", u.Key)
	}
}

// DNSTLS says where DNS over TLS (RFC 7858) is answered.
type DNSTLS struct {
	// Listen are the addresses, usually at port 853.
	Listen []netip.AddrPort `yaml:"listen" json:"listen" jsonschema:"minItems=1" jsonschema_description:"Addresses and ports to answer on; 853 is usual."`
	// Certificate and Key are PEM files; a new pair is taken without a restart.
	Certificate string `yaml:"certificate" json:"certificate" jsonschema_description:"PEM file with the certificate for the name server's name and its chain; relative to this file. A new one is taken without a restart."`
	Key         string `yaml:"key" json:"key" jsonschema_description:"PEM file with its key, mode 0600 at most; relative to this file."`
}

func (c *agentCheck) dnsTLS() {
	t := c.agent.DNS.TLS
	if t == nil {
		return
	}
	if len(t.Listen) == 0 {
		c.at("$.dns.tls.listen", `listen: ["192.0.2.1:853"]`, "DNS over TLS listens nowhere")
	}
	for i, l := range t.Listen {
		path := fmt.Sprintf("$.dns.tls.listen[%d]", i)
		if l.Port() == 0 {
			c.at(path, "853 is the port that resolvers ask", "port 0")
			continue
		}
		c.socket(path, "tcp", l.String())
	}
	if t.Certificate == "" {
		c.at("$.dns.tls.certificate", "certificate: ns1.pem", "certificate is missing")
	}
	if t.Key == "" {
		c.at("$.dns.tls.key", "key: ns1.key", "key is missing")
	}
	c.exists("$.dns.tls.certificate", t.Certificate)
	if c.exists("$.dns.tls.key", t.Key) {
		if err := CheckPrivate(t.Key); err != nil {
			c.at("$.dns.tls.key", "chmod 600 "+t.Key, "%v", err)
		}
	}
}

// Secret reads the key's secret. The error names the file and what it should
// hold, never what it holds.
func (k TSIGKey) Secret() ([]byte, error) {
	info, err := os.Stat(k.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read secret: others may read %s (mode %04o): chmod 600 %s", k.SecretFile, info.Mode().Perm(), k.SecretFile)
	}
	text, err := os.ReadFile(k.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < 16 {
		return nil, fmt.Errorf("read secret: %s does not hold at least 16 octets in base64: openssl rand -base64 32 > %s", k.SecretFile, k.SecretFile)
	}
	return secret, nil
}

// transfers checks keys and secondaries.
func (c *agentCheck) transfers() {
	c.dnsTLS()
	c.queryLog()
	dns := c.agent.DNS
	names := map[string]bool{}
	for i, k := range dns.Keys {
		path := fmt.Sprintf("$.dns.keys[%d]", i)
		name := strings.ToLower(strings.TrimSuffix(k.Name, "."))
		switch {
		case name == "":
			c.at(path+".name", "name: transfer.example.net", "name is missing")
		case names[name]:
			c.at(path+".name", "give each its own name", "key %s stands twice", name)
		}
		names[name] = true
		if k.SecretFile == "" {
			c.at(path+".secret_file", "secret_file: transfer.key", "secret_file is missing")
		} else if c.exists(path+".secret_file", k.SecretFile) {
			if _, err := k.Secret(); err != nil {
				c.at(path+".secret_file", "", "%v", err)
			}
		}
	}
	for i, u := range dns.Updates {
		c.update(fmt.Sprintf("$.dns.updates[%d]", i), u, names)
	}
	for i, s := range dns.Secondaries {
		path := fmt.Sprintf("$.dns.secondaries[%d]", i)
		if !names[strings.ToLower(strings.TrimSuffix(s.Key, "."))] {
			c.at(path+".key", "the name of one of dns.keys", "there is no key %q", s.Key)
		}
		if !s.Notify.IsValid() && len(s.From) == 0 {
			c.at(path, "notify: IP:PORT, or from: [NETWORK]", "neither notify nor from is set")
		}
	}
}
