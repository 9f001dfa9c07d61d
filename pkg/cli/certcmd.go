package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/certlint"
)

func (a *app) certCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "cert", Short: "Judge certificates before a softswitch loads them",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for cert", args[0]), "sipsteer cert check PATH…"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.certCheckCmd())
	return c
}

// certOptions are the flags of cert check.
type certOptions struct {
	domains       []string
	wildcards     bool
	roots         string
	horizon       time.Duration
	passwordFile  string
	trial, bisect string
	strict, quiet bool
}

func (a *app) certCheckCmd() *cobra.Command {
	var o certOptions
	c := &cobra.Command{
		Use:   "check PATH…|HOST:PORT…",
		Short: "Check certificates in files, directories, PKCS#12 and live listeners",
		Long: `Reads every certificate and key strictly: PEM and DER octet by octet, chain,
key, names (RFC 5922), dates, weak keys, usage, and what zlint finds against the
standards. Each certificate whose key is at
hand is loaded into a throw-away TLS server and tried with a Go client and with
openssl s_client, where that is installed. Nothing is changed.

With --bisect the one certificate in a directory that makes a command fail is
found: the command runs on copies of ever smaller parts of the directory, whose
path stands where {} is. 1,024 certificates take at most 11 runs.

Exit codes: 0 all good (warnings included), 1 a bad one found, 2 wrong usage.`,
		Example: `  sipsteer cert check /etc/kamailio/tls
  sipsteer cert check --domain west.voice.example.net --roots ca.pem new.pem 192.0.2.10:5061
  sipsteer cert check --bisect 'kamailio -c -f /etc/kamailio/kamailio.cfg -A CERTDIR={}' /etc/kamailio/tls`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{cmd.CommandPath() + ": PATH or HOST:PORT is missing", "usage: " + cmd.UseLine()}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.domains, "domain", nil, "SIP domain that the certificates must be for, and the name asked of listeners; may be given again")
	f.BoolVar(&o.wildcards, "allow-wildcards", false, "take *.example.net for a.example.net, against RFC 5922")
	f.StringVar(&o.roots, "roots", "", "PEM file of the authorities that chains must lead to, or 'system'")
	f.DurationVar(&o.horizon, "horizon", 14*24*time.Hour, "warn of certificates that end within this time")
	f.StringVar(&o.passwordFile, "password-file", "", "file that holds the password of PKCS#12 files")
	f.StringVar(&o.trial, "trial", "auto", "trial handshakes: auto (the first 2500 with Go, the first 100 with OpenSSL too), all, go, none")
	f.StringVar(&o.bisect, "bisect", "", "command that fails with the directory's certificates; {} stands for the directory")
	f.BoolVar(&o.strict, "strict", false, "count warnings as bad")
	f.BoolVar(&o.quiet, "quiet", false, "print only what is bad")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		cfg, err := o.config()
		if err != nil {
			return err
		}
		checker, err := certlint.New(cfg)
		if err != nil {
			return certUsage(err)
		}
		if cmd.Flags().Changed("bisect") {
			return a.certBisect(cmd.Context(), checker, o, args)
		}
		res, err := checker.Check(cmd.Context(), args)
		if err != nil {
			return certUsage(err)
		}
		return a.showCerts(res, o)
	})
	return c
}

func certUsage(err error) error {
	if errors.Is(err, certlint.ErrUsage) {
		return &usageError{err.Error(), "sipsteer cert check --help"}
	}
	return err
}

func (o *certOptions) config() (certlint.Config, error) {
	cfg := certlint.Config{Domains: o.domains, AllowWildcards: o.wildcards, Horizon: o.horizon, Trial: certlint.Trial(o.trial)}
	if o.passwordFile != "" {
		text, err := os.ReadFile(o.passwordFile)
		if err != nil {
			return cfg, &usageError{"read password: " + err.Error(), "--password-file FILE"}
		}
		cfg.Password = strings.TrimRight(string(text), "\r\n")
	}
	switch o.roots {
	case "":
	case "system":
		roots, err := x509.SystemCertPool()
		if err != nil {
			return cfg, fmt.Errorf("read the machine's authorities: %w", err)
		}
		cfg.Roots = roots
	default:
		text, err := os.ReadFile(o.roots)
		if err != nil {
			return cfg, &usageError{"read authorities: " + err.Error(), "--roots FILE, or --roots system"}
		}
		cfg.Roots, cfg.RootsFile = x509.NewCertPool(), o.roots
		if !cfg.Roots.AppendCertsFromPEM(text) {
			return cfg, &usageError{o.roots + " holds no certificate in PEM", "--roots FILE, or --roots system"}
		}
	}
	if path, err := exec.LookPath("openssl"); err == nil {
		cfg.OpenSSL = path
	}
	return cfg, nil
}

// badAt is the severity from which on a source is bad.
func (o *certOptions) badAt() certlint.Severity {
	if o.strict {
		return certlint.Warn
	}
	return certlint.Bad
}

// fewSources is up to how many sources each is named although it is good.
const fewSources = 20

func (a *app) showCerts(res certlint.Result, o certOptions) error {
	bad, warned := 0, 0
	for _, r := range res.Reports {
		switch w := r.Worst(); {
		case w >= o.badAt():
			bad++
		case w == certlint.Warn:
			warned++
		}
	}
	if a.json {
		a.printJSON(map[string]any{
			"reports": res.Reports, "sources": len(res.Reports), "certificates": res.Certificates(), "bad": bad, "warned": warned,
			"left_aside": res.LeftAside, "pairs": res.Pairs, "tried_go": res.TriedGo, "tried_openssl": res.TriedOpenSSL,
		})
	} else {
		for _, r := range res.Reports {
			a.showCert(r, o, len(res.Reports))
		}
		a.certSummary(res, o, bad, warned)
	}
	if bad > 0 {
		return &exitError{1}
	}
	return nil
}

func (a *app) showCert(r certlint.Report, o certOptions, of int) {
	p, w := palette{a.colours()}, a.streams.Out
	worst := r.Worst()
	if worst < o.badAt() && (o.quiet || worst < certlint.Warn && of > fewSources) {
		return
	}
	verdict := p.good("good")
	switch {
	case worst >= o.badAt():
		verdict = p.bad("BAD")
	case worst == certlint.Warn:
		verdict = p.warn("warn")
	}
	fmt.Fprintf(w, "%s: %s%s\n", r.Source, verdict, p.dim(certLine(r)))
	for _, f := range r.Findings {
		if !o.quiet || f.Severity >= o.badAt() {
			fmt.Fprintf(w, "  %s\n", f)
		}
	}
}

// certLine says in one line what a source holds.
func certLine(r certlint.Report) string {
	var parts []string
	if len(r.Certificates) > 0 {
		c := r.Certificates[0]
		who := c.Subject
		if len(c.Names) > 0 {
			who = c.Names[0]
		}
		parts = append(parts, who, c.Key, "until "+c.NotAfter[:len("2006-01-02")])
	}
	if n := len(r.Certificates); n > 1 {
		parts = append(parts, fmt.Sprintf("chain of %d", n))
	}
	if len(r.Certificates) == 0 && r.Keys > 0 {
		parts = append(parts, "private key")
	}
	if len(r.Trials) > 0 {
		parts = append(parts, "tried with "+strings.Join(r.Trials, " and "))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (a *app) certSummary(res certlint.Result, o certOptions, bad, warned int) {
	w := a.streams.Out
	fmt.Fprintf(w, "%s in %s: %d bad, %d with warnings\n", count(res.Certificates(), "certificate"), count(len(res.Reports), "source"), bad, warned)
	if res.LeftAside > 0 {
		fmt.Fprintf(w, "%s left aside: neither certificates nor keys\n", count(res.LeftAside, "file"))
	}
	if o.trial != string(certlint.TrialNone) && res.Pairs > 0 {
		fmt.Fprintf(w, "handshakes tried, of %s whose key was at hand: %d with Go, %d with OpenSSL", count(res.Pairs, "certificate"), res.TriedGo, res.TriedOpenSSL)
		if res.TriedOpenSSL < res.Pairs {
			fmt.Fprint(w, "; --trial all tries each with both")
		}
		fmt.Fprintln(w)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
