package cli

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/config"
)

// dnsTLS tells the name server where to answer over TLS, and with what.
func dnsTLS(cfg *dnsserver.Config, file *config.DNSTLS) error {
	if file == nil {
		return nil
	}
	p := &pairFile{certificate: file.Certificate, key: file.Key}
	if _, err := p.get(); err != nil {
		return err
	}
	cfg.ListenTLS, cfg.Certificate = file.Listen, p.get
	return nil
}

// pairFile is a certificate and its key in files, read again when they change.
type pairFile struct {
	certificate, key string

	mu    sync.Mutex // guards what follows
	stamp string
	pair  *tls.Certificate
}

// get returns the pair as it is in the files now; the one before, while a new
// one is not whole.
func (p *pairFile) get() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stamp := ""
	for _, f := range []string{p.certificate, p.key} {
		if info, err := os.Stat(f); err == nil {
			stamp += fmt.Sprint(info.Size(), info.ModTime().UnixNano(), " ")
		}
	}
	if p.pair != nil && stamp == p.stamp {
		return p.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(p.certificate, p.key)
	if err != nil {
		if p.pair != nil {
			return p.pair, nil
		}
		return nil, fmt.Errorf("read certificate for DNS over TLS: %w", err)
	}
	p.pair, p.stamp = &pair, stamp
	return p.pair, nil
}
