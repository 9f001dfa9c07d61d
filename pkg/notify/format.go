package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Format is in whose words a webhook is written.
type Format string

// The formats.
const (
	FormatJSON      Format = "json"      // our own; text is what most chat systems show
	FormatSlack     Format = "slack"     // incoming webhooks of Slack, Mattermost, Rocket.Chat
	FormatTeams     Format = "teams"     // an Adaptive Card, for a Teams workflow
	FormatPagerDuty Format = "pagerduty" // Events API v2: opened, and resolved by itself
)

// Formats lists them.
func Formats() []Format { return []Format{FormatJSON, FormatSlack, FormatTeams, FormatPagerDuty} }

// body is the message in the channel's format.
func (w Webhook) body(m Message) ([]byte, error) {
	switch w.Format {
	case "", FormatJSON:
		return json.Marshal(map[string]any{
			"id": m.ID, "severity": m.Severity, "subject": m.Subject, "lines": m.Lines, "text": m.Subject + "\n" + strings.Join(m.Lines, "\n"),
			"topic": m.Topic, "thing": m.Thing, "over": m.Over, "role": m.Role, "from": m.From,
		})
	case FormatSlack:
		return json.Marshal(slackOf(m))
	case FormatTeams:
		return json.Marshal(teamsOf(m))
	case FormatPagerDuty:
		return json.Marshal(pagerDutyOf(m, w.Key))
	}
	return nil, fmt.Errorf("no format of webhooks is called %q", w.Format)
}

// signs are before a subject, so that severities differ also without colour.
var signs = map[string]string{"critical": "🔴", "major": "🟠", "minor": "🟡", "info": "🔵"}

func sign(m Message) string {
	if m.Over {
		return "🟢"
	}
	return signs[m.Severity]
}

// slackOf: text between < and > would be a link or call everybody, so these are
// written as entities.
func slackOf(m Message) any {
	plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	var b strings.Builder
	fmt.Fprintf(&b, "%s *%s*", sign(m), plain.Replace(strings.ReplaceAll(m.Subject, "*", "∗")))
	for _, l := range m.Lines {
		fmt.Fprintf(&b, "\n• %s", plain.Replace(l))
	}
	return map[string]any{"text": b.String()}
}

// teamsOf is an Adaptive Card (version 1.4). Its texts know Markdown, of which the
// signs that could make a link are taken.
func teamsOf(m Message) any {
	plain := strings.NewReplacer("\\", "\\\\", "[", "\\[", "]", "\\]", "*", "\\*", "_", "\\_", "`", "'")
	block := func(text string, more map[string]any) map[string]any {
		out := map[string]any{"type": "TextBlock", "text": text, "wrap": true}
		for k, v := range more { // any order: keys of an object
			out[k] = v
		}
		return out
	}
	body := []any{block(sign(m)+" "+plain.Replace(m.Subject), map[string]any{"weight": "Bolder", "size": "Medium"})}
	for _, l := range m.Lines {
		body = append(body, block(plain.Replace(l), map[string]any{"spacing": "Small"}))
	}
	card := map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	return map[string]any{"type": "message", "attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}}
}

// Bounds of PagerDuty's events.
const (
	maxSummary  = 1024
	maxDedupKey = 255
)

// pagerDutyOf joins what is about one thing by its key, and closes it when it is
// over.
func pagerDutyOf(m Message, key string) any {
	severity := map[string]string{"critical": "critical", "major": "error", "minor": "warning", "info": "info"}[m.Severity]
	action := "trigger"
	if m.Over {
		action = "resolve"
	}
	thing := m.Thing
	if thing == "" {
		thing = m.ID
	}
	return map[string]any{
		"routing_key": key, "event_action": action, "dedup_key": fmt.Sprintf("%.*s", maxDedupKey, m.From+"/"+thing),
		"payload": map[string]any{
			"summary": fmt.Sprintf("%.*s", maxSummary, m.Subject), "source": m.From, "severity": severity, "class": m.Topic,
			"timestamp": m.At.UTC().Format(time.RFC3339), "custom_details": map[string]any{"lines": m.Lines},
		},
	}
}
