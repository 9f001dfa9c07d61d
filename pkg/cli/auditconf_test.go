package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/config"
)

// TestAuditReceivers: whom the file names, and what of a file that is there is no
// certificate.
func TestAuditReceivers(t *testing.T) {
	var cfg agent.Config
	file := func(s ...config.AuditSyslog) *config.Agent { return &config.Agent{Audit: config.Audit{Syslog: s}} }
	err := auditTo(&cfg, file(config.AuditSyslog{To: "udp://127.0.0.1:514", From: "every"}, config.AuditSyslog{To: "tls://logs.example.net:6514"}))
	if err != nil || len(cfg.Audit) != 2 || !cfg.Audit[0].Every || cfg.Audit[1].Every || cfg.Audit[1].Name != "tls://logs.example.net:6514" || cfg.Audit[1].Sender == nil {
		t.Errorf("%+v, %v", cfg.Audit, err)
	}
	text := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]config.AuditSyslog{
		"audit.syslog[0].to: ":                           {To: "logs.example.net"},
		"audit.syslog[0].ca: no certificate in PEM form": {To: "tls://logs.example.net:6514", CA: text},
		"audit.syslog[0].ca: open ":                      {To: "tls://logs.example.net:6514", CA: text + "-none"},
		"audit.syslog[0].certificate: ":                  {To: "tls://logs.example.net:6514", Certificate: text, Key: text},
	} {
		if err := auditTo(&cfg, file(s)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
}
