package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/syslog"
)

// auditTo turns the file's words into where the audit trail is sent.
func auditTo(cfg *agent.Config, file *config.Agent) error {
	for i, s := range file.Audit.Syslog {
		to, err := auditReceiver(s)
		if err != nil {
			return fmt.Errorf("audit.syslog[%d].%w", i, err)
		}
		cfg.Audit = append(cfg.Audit, to)
	}
	return nil
}

func auditReceiver(s config.AuditSyslog) (agent.AuditTo, error) {
	to, err := syslog.ParseAddress(s.To)
	if err != nil {
		return agent.AuditTo{}, fmt.Errorf("to: %w", err)
	}
	cfg := syslog.Config{To: to}
	if s.CA != "" {
		text, err := os.ReadFile(s.CA)
		if err != nil {
			return agent.AuditTo{}, fmt.Errorf("ca: %w", err)
		}
		if cfg.Roots = x509.NewCertPool(); !cfg.Roots.AppendCertsFromPEM(text) {
			return agent.AuditTo{}, errors.New("ca: no certificate in PEM form is in it")
		}
	}
	if s.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
		if err != nil {
			return agent.AuditTo{}, fmt.Errorf("certificate: %w", err)
		}
		cfg.Certificate = &pair
	}
	sender, err := syslog.New(cfg)
	return agent.AuditTo{Name: s.To, Every: s.From == "every", Sender: sender}, err
}
