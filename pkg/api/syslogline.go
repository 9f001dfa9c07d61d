package api

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Priorities of syslog: facility 13 (log audit) and a severity (RFC 5424 §6.2.1).
const (
	auditNotice  = 13*8 + 5
	auditWarning = 13*8 + 4
)

// maxSyslog bounds a message, in octets: receivers take 8 KiB by default. The text is
// cut, the fields are not.
const maxSyslog = 8000

// Syslog are the record's events as messages of RFC 5424. The number behind the @ is
// the one that RFC 5612 keeps for examples: the program has none of its own.
func (r AuditRecord) Syslog() []string {
	out := make([]string, len(r.Events))
	for i := range r.Events {
		out[i] = r.syslogLine(&r.Events[i])
	}
	return out
}

func (r AuditRecord) syslogLine(e *steer.Event) string {
	priority := auditNotice
	if e.Kind == steer.EventRefused || e.Kind == steer.EventOverride || e.Kind == steer.EventBrake {
		priority = auditWarning
	}
	var data strings.Builder
	value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`) // §6.3.3
	for _, p := range [][2]string{
		{"index", fmt.Sprint(r.Index)},
		{"chain", r.Chain.String()},
		{"epoch", fmt.Sprint(e.Epoch)},
		{"by", e.By},
		{"from", e.From},
		{"reason", e.Reason},
		{"site", string(e.Site)},
		{"service", string(e.Service)},
		{"rule", string(e.Rule)},
		{"value", e.Value},
		{"limit", e.Limit},
		{"incident", e.Incident},
		{"run", e.Run},
		{"word", e.Word},
	} {
		if p[1] != "" {
			fmt.Fprintf(&data, ` %s="%s"`, p[0], value.Replace(printable(p[1])))
		}
	}
	head := fmt.Sprintf("<%d>1 %s %s sipsteer - %s [sipsteer@32473%s] \ufeff", priority, e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), r.Agent, e.Kind, data.String())
	text := printable(e.Text)
	for len(head)+len(text) > maxSyslog && text != "" {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return head + text
}

// printable takes away what would end a line or move a cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '�'
		}
		return r
	}, s)
}
