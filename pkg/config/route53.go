package config

import (
	"fmt"
	"os"
	"strings"
)

// Route53 is a hosted zone of Amazon Route 53.
type Route53 struct {
	// ZoneID is the hosted zone's.
	ZoneID string `yaml:"zone_id" json:"zone_id" jsonschema_description:"ID of the hosted zone, as Z1D633PJN98FT9."`
	// KeyFile holds the access key; nobody but its owner may read it.
	KeyFile string `yaml:"key_file" json:"key_file" jsonschema_description:"File with an access key as the AWS tools write it (aws_access_key_id = …, aws_secret_access_key = …), mode 0600; relative to this file. The key needs route53:ListResourceRecordSets and route53:ChangeResourceRecordSets of this zone, nothing else."`
}

// Access is an access key.
type Access struct{ ID, Secret, Session string }

// Key reads the access key: the first one of the file. The error never tells it.
func (r Route53) Key() (Access, error) {
	if err := CheckPrivate(r.KeyFile); err != nil {
		return Access{}, err
	}
	text, err := os.ReadFile(r.KeyFile)
	if err != nil {
		return Access{}, fmt.Errorf("read access key: %w", err)
	}
	var a Access
	fields := map[string]*string{"aws_access_key_id": &a.ID, "aws_secret_access_key": &a.Secret, "aws_session_token": &a.Session}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(line, "=")
		if into := fields[strings.TrimSpace(name)]; ok && into != nil && *into == "" {
			*into = strings.TrimSpace(value)
		}
	}
	if a.ID == "" || a.Secret == "" {
		return Access{}, fmt.Errorf("read access key: %s has no aws_access_key_id or no aws_secret_access_key", r.KeyFile)
	}
	return a, nil
}

// route53 checks how a hosted zone is written.
func (c *agentCheck) route53(path string, r *Route53) {
	if r.ZoneID == "" {
		c.at(path+".zone_id", "zone_id: Z1D633PJN98FT9", "zone_id is missing")
	}
	if c.exists(path+".key_file", r.KeyFile) {
		if _, err := r.Key(); err != nil {
			c.at(path+".key_file", "chmod 600 "+r.KeyFile, "%v", err)
		}
	}
}
