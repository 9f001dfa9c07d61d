package certlint

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity says how much a finding matters.
type Severity uint8

// The severities. Only Bad makes a certificate bad.
const (
	Note Severity = iota // worth knowing
	Warn                 // some phones or servers will stumble over it
	Bad                  // do not load it
)

var severityNames = [...]string{"note", "warn", "bad"}

// String returns note, warn or bad.
func (s Severity) String() string { return severityNames[min(int(s), len(severityNames)-1)] }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that is wrong.
type Finding struct {
	Severity Severity `json:"severity"`
	// Rule names what was broken in one word, stable for scripts.
	Rule string `json:"rule"`
	// Text is one line for people, without control characters.
	Text string `json:"text"`
	// Certificate counts from 1 in the order of the source; 0 means the source
	// as a whole.
	Certificate int `json:"certificate,omitempty"`
	// Offset is the octet in the DER form of the certificate at which it stops
	// making sense; only with Field.
	Offset *int `json:"offset,omitempty"`
	// Field is the part of the certificate, in the words of RFC 5280 §4.1.
	Field string `json:"field,omitempty"`
	// Line is the line of a PEM file.
	Line int `json:"line,omitempty"`
}

// String writes the finding in one line.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Severity.String() + " " + f.Rule + ": ")
	if f.Certificate > 0 {
		fmt.Fprintf(&b, "certificate %d: ", f.Certificate)
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	if f.Offset != nil {
		fmt.Fprintf(&b, "octet %d, %s: ", *f.Offset, f.Field)
	}
	b.WriteString(f.Text)
	return b.String()
}

// Summary is what a certificate says of itself.
type Summary struct {
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Names     []string `json:"names,omitempty"` // SIP domains (RFC 5922 §7.1)
	NotBefore string   `json:"not_before"`
	NotAfter  string   `json:"not_after"`
	Key       string   `json:"key"` // "RSA 2048"
	CA        bool     `json:"ca,omitempty"`
	SHA256    string   `json:"sha256"`
}

// Report is what was found in one source: a file or a listener.
type Report struct {
	Source       string    `json:"source"`
	Certificates []Summary `json:"certificates"`
	Keys         int       `json:"keys,omitempty"`
	Findings     []Finding `json:"findings,omitempty"`
	// Trials names the TLS stacks with which a handshake was tried.
	Trials []string `json:"trials,omitempty"`
}

// Worst returns the severity of the worst finding; Note when there is none.
func (r Report) Worst() Severity {
	worst := Note
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Bad reports whether anything in the source must not be loaded.
func (r Report) Bad() bool { return r.Worst() == Bad }

func (r *Report) add(certificate int, s Severity, rule, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Severity: s, Rule: rule, Certificate: certificate, Text: fmt.Sprintf(format, args...)})
}

// sortFindings puts the worst first.
func (r *Report) sortFindings() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
}

// maxText bounds what a certificate can make us print.
const maxText = 160

// clean makes text from a certificate fit for a terminal: control characters
// and what reorders text become '?', the rest is cut.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == maxText {
			return b.String() + "…"
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

func quoted(s string) string { return `"` + clean(s) + `"` }
