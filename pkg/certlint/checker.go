package certlint

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config of a Checker.
type Config struct {
	// Domains are the SIP domains that every leaf must be for; none means that
	// names are only checked for their form.
	Domains []string
	// AllowWildcards accepts *.example.net for a.example.net (against RFC 5922
	// §7.2).
	AllowWildcards bool
	// Roots are the authorities that every chain must lead to. Nil means that
	// only the signatures between certificates at hand are checked.
	Roots *x509.CertPool
	// RootsFile is the same as a file, for OpenSSL; may be empty.
	RootsFile string
	// Now is the moment at which dates are judged. Default: the clock's.
	Now time.Time
	// Horizon is how long before its end a certificate is worth a warning. Zero
	// means no warning.
	Horizon time.Duration
	// Password opens PKCS#12 files.
	Password string
	// Trial says with which TLS stacks a handshake is tried. Default TrialAuto.
	Trial Trial
	// OpenSSL is the path of the second TLS stack; empty means that there is
	// none.
	OpenSSL string
	// Timeout of one live listener or one trial. Default 5 s.
	Timeout time.Duration
	// Parallel is how many sources are judged at a time. Default: one for each
	// processor.
	Parallel int
}

// Trial says how much is tried.
type Trial string

// The trials.
const (
	TrialAuto Trial = "auto" // both, for as many as AutoGo and AutoOpenSSL say
	TrialAll  Trial = "all"  // both for all
	TrialGo   Trial = "go"   // only Go
	TrialNone Trial = "none"
)

// The bounds of TrialAuto. With Go a handshake costs a signature, more than a
// millisecond with RSA; with OpenSSL a process.
const (
	AutoGo      = 2500
	AutoOpenSSL = 100
)

// ErrUsage is returned, wrapped, when what is asked for cannot be done as it
// was asked.
var ErrUsage = errors.New("cannot check")

// Checker judges certificates.
type Checker struct {
	cfg    Config
	zlints zlints
}

// New returns a checker.
func New(cfg Config) (*Checker, error) {
	switch cfg.Trial {
	case "":
		cfg.Trial = TrialAuto
	case TrialAuto, TrialAll, TrialGo, TrialNone:
	default:
		return nil, fmt.Errorf("%w: trial %q (one of auto, all, go, none)", ErrUsage, cfg.Trial)
	}
	if cfg.Trial == TrialAll && cfg.OpenSSL == "" {
		return nil, fmt.Errorf("%w: trial all needs OpenSSL, which is not installed", ErrUsage)
	}
	if cfg.Now.IsZero() {
		cfg.Now = time.Now()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = runtime.GOMAXPROCS(0)
	}
	z, err := newZlints()
	if err != nil {
		return nil, err
	}
	return &Checker{cfg: cfg, zlints: z}, nil
}

// Result is what came of one run.
type Result struct {
	Reports []Report `json:"reports"`
	// LeftAside counts files in directories that hold neither certificates nor
	// keys.
	LeftAside int `json:"left_aside,omitempty"`
	// Pairs counts the certificates whose key was at hand, TriedGo and
	// TriedOpenSSL those of them with which a handshake was tried.
	Pairs        int `json:"pairs"`
	TriedGo      int `json:"tried_go"`
	TriedOpenSSL int `json:"tried_openssl"`
}

// Certificates counts the certificates that could be read.
func (r Result) Certificates() int {
	n := 0
	for _, rep := range r.Reports {
		n += len(rep.Certificates)
	}
	return n
}

// Bad counts the sources that must not be loaded.
func (r Result) Bad() int {
	n := 0
	for _, rep := range r.Reports {
		if rep.Bad() {
			n++
		}
	}
	return n
}

// Check judges files, directories and listeners (HOST:PORT). The error is
// ErrUsage when an argument is none of these, or that of ctx.
func (c *Checker) Check(ctx context.Context, args []string) (Result, error) {
	targets, aside, err := expand(args)
	if err != nil {
		return Result{}, err
	}
	sources, met := make([]*source, len(targets)), &seen{}
	c.each(len(targets), func(i int) { sources[i] = c.read(ctx, targets[i], met) })
	known := learn(sources)
	pairs := pair(sources)
	count := c.plan(pairs)
	c.each(len(sources), func(i int) {
		if ctx.Err() != nil {
			return
		}
		c.judge(sources[i], known)
		c.match(sources[i], pairs[i])
		c.try(ctx, sources[i], pairs[i])
		sources[i].report.sortFindings()
	})
	res := Result{LeftAside: aside, Reports: make([]Report, len(sources)), Pairs: count}
	for i, s := range sources {
		res.Reports[i] = s.report
		if slices.Contains(s.report.Trials, withGo) {
			res.TriedGo++
		}
		if slices.Contains(s.report.Trials, withOpenSSL) {
			res.TriedOpenSSL++
		}
	}
	return res, ctx.Err()
}

// each calls do for 0 to n-1, on as many goroutines as may work at a time, and
// waits for them.
func (c *Checker) each(n int, do func(i int)) {
	next := make(chan int)
	var work sync.WaitGroup
	for range min(c.cfg.Parallel, n) {
		work.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	work.Wait()
}

// knowledge is what all sources together know.
type knowledge struct {
	authorities map[string][]*x509.Certificate // by raw subject
}

func learn(sources []*source) *knowledge {
	k := &knowledge{authorities: map[string][]*x509.Certificate{}}
	for _, s := range sources {
		for _, cert := range s.parsed() {
			if !cert.IsCA {
				continue
			}
			name := string(cert.RawSubject)
			if !slices.ContainsFunc(k.authorities[name], cert.Equal) {
				k.authorities[name] = append(k.authorities[name], cert)
			}
		}
	}
	return k
}

// Explain returns the sentences about what is bad in a report, for places where
// one line must do.
func (r Report) Explain() string {
	var out []string
	for _, f := range r.Findings {
		if f.Severity == Bad {
			out = append(out, f.String())
		}
	}
	return strings.Join(out, "; ")
}
