package cli

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/agent"
	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/notify"
)

// tellPeople turns the file's words into whom the agent tells, and where it
// writes the status page.
func tellPeople(cfg *agent.Config, file *config.Agent) error {
	var channels []notify.Channel
	for i, w := range file.Notify.Webhooks {
		if err := address(w.URL); err != nil {
			return fmt.Errorf("notify.webhooks[%d].url: %w", i, err)
		}
		if err := least(w.Least); err != nil {
			return fmt.Errorf("notify.webhooks[%d].least: %w", i, err)
		}
		channels = append(channels, notify.Webhook{URL: w.URL, Least: w.Least})
	}
	for i, m := range file.Notify.Mail {
		ch, err := mailChannel(m)
		if err != nil {
			return fmt.Errorf("notify.mail[%d].%w", i, err)
		}
		channels = append(channels, ch)
	}
	cfg.Notify = agent.Notify{Sender: notify.New(notify.Config{Channels: channels}), Repeat: time.Duration(file.Notify.RepeatMinutes) * time.Minute, Heartbeat: file.Notify.Heartbeat}
	if file.Notify.Heartbeat != "" {
		if err := address(file.Notify.Heartbeat); err != nil {
			return fmt.Errorf("notify.heartbeat: %w", err)
		}
	}
	p := file.StatusPage
	zone, err := time.LoadLocation(p.Timezone)
	if err != nil {
		return fmt.Errorf("status_page.timezone: no zone is called %q; for example America/Edmonton", p.Timezone)
	}
	cfg.StatusPage = agent.StatusPage{Dir: p.Dir, Brand: p.Brand, Address: p.Address, Zone: zone}
	return nil
}

func mailChannel(m config.NotifyMail) (notify.Mail, error) {
	out := notify.Mail{Server: m.Server, From: m.From, To: m.To, User: m.User, Plain: m.Plain, Least: m.Least, Now: time.Now}
	if _, _, err := net.SplitHostPort(m.Server); err != nil {
		return out, errors.New("server: HOST:PORT, for example mail.example.net:587")
	}
	for _, a := range append([]string{m.From}, m.To...) {
		if p, err := mail.ParseAddress(a); err != nil || p.Address != a {
			return out, fmt.Errorf("from and to: %q is no plain address, for example noc@example.net", a)
		}
	}
	if err := least(m.Least); err != nil {
		return out, fmt.Errorf("least: %w", err)
	}
	if m.PasswordFile == "" {
		return out, nil
	}
	if err := config.CheckPrivate(m.PasswordFile); err != nil {
		return out, fmt.Errorf("password_file: %w", err)
	}
	text, err := os.ReadFile(m.PasswordFile)
	if err != nil {
		return out, fmt.Errorf("password_file: %w", err)
	}
	out.Password = strings.TrimSpace(string(text))
	return out, nil
}

func address(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("an address that begins with https:// or http://")
	}
	return nil
}

func least(s string) error {
	if s != "" && !slices.Contains([]string{"info", "minor", "major", "critical"}, s) {
		return fmt.Errorf("%q is no severity: one of info, minor, major, critical", s)
	}
	return nil
}
