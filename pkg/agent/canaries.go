package agent

import (
	"errors"
	"slices"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
)

// withLogins puts the passwords into the register checks. A check whose
// password this agent does not have brings no data, here and nowhere else; why
// is logged once for each secret.
func (a *Agent) withLogins(f *fleet.Fleet, specs []probes.Spec) []probes.Spec {
	known := map[string]string{}
	for i := range specs {
		s := &specs[i]
		if s.Check.Kind.Base() != health.Register {
			continue
		}
		all := f.Checks.CanariesAt(s.Check.Site, s.Check.Transport)
		n := slices.IndexFunc(all, func(k *fleet.Canary) bool { return k.Domain == s.Login.Domain })
		if n < 0 {
			continue // it is of this fleet file: there is one
		}
		k := all[n]
		secret, asked := known[k.Secret]
		if !asked {
			secret = a.secret(k.Secret)
			known[k.Secret] = secret
		}
		s.Login.Password = secret
	}
	return specs
}

// secret returns a secret; "" when this agent does not have it, which is logged.
func (a *Agent) secret(name string) string {
	secret, err := a.cfg.Secrets.lookup(name)
	if err != nil {
		a.sayMissing(name, err)
	}
	return secret
}

// whyNoLogin says what is wrong with the password of the test subscriber that a check
// logs in as, and what to do about it; "" when there is none, or nothing is wrong.
func (a *Agent) whyNoLogin(f *fleet.Fleet, s probes.Spec) string {
	if f == nil || s.Login.User == "" || s.Login.Password != "" {
		return ""
	}
	for _, k := range f.Checks.CanariesAt(s.Check.Site, s.Check.Transport) {
		if k.User == s.Login.User && k.Domain == s.Login.Domain {
			if _, err := a.cfg.Secrets.lookup(k.Secret); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

// sayMissing logs what is wrong with a secret when it changes.
func (a *Agent) sayMissing(name string, err error) {
	a.missingMu.Lock()
	defer a.missingMu.Unlock()
	if a.missing == nil {
		a.missing = map[string]string{}
	}
	if a.missing[name] == err.Error() {
		return
	}
	a.missing[name] = err.Error()
	a.log.Warn().Err(err).Bool("absent", errors.Is(err, errNoSecret)).Msg("no login can be tried: this agent does not have the password that the fleet file names")
}
