package cli

import (
	"cmp"
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
		ch, err := webhookChannel(w)
		if err != nil {
			return fmt.Errorf("notify.webhooks[%d].%w", i, err)
		}
		channels = append(channels, ch)
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
	cfg.StatusPage = agent.StatusPage{Dir: p.Dir, Brand: p.Brand, Address: p.Address, Zone: zone, Services: p.Services}
	for i, b := range p.Brands {
		if b.Dir == "" || b.Brand == "" {
			return fmt.Errorf("status_page.brands[%d]: dir and brand are needed", i)
		}
		cfg.StatusPage.Brands = append(cfg.StatusPage.Brands, agent.StatusPage{Dir: b.Dir, Brand: b.Brand, Address: b.Address, Zone: zone, Services: b.Services})
	}
	return nil
}

func webhookChannel(w config.NotifyWebhook) (notify.Webhook, error) {
	out := notify.Webhook{URL: w.URL, Format: notify.Format(w.Format)}
	if err := address(w.URL); err != nil {
		return out, fmt.Errorf("url: %w", err)
	}
	if w.Format != "" && !slices.Contains(notify.Formats(), out.Format) {
		return out, fmt.Errorf("format: %q is none: one of json, slack, teams, pagerduty", w.Format)
	}
	if (w.KeyFile != "") != (out.Format == notify.FormatPagerDuty) {
		return out, errors.New("key_file: pagerduty needs the file with its routing key, and no other format does")
	}
	var err error
	if out.Route, err = route(w.Least, w.Topics, w.Roles); err != nil || w.KeyFile == "" {
		return out, err
	}
	out.Key, err = privateText("key_file", w.KeyFile)
	return out, err
}

// route checks which messages go to a channel.
func route(least string, topics, roles []string) (notify.Route, error) {
	r := notify.Route{Least: least, Topics: topics, Roles: roles}
	for _, list := range []struct {
		field        string
		given, known []string
	}{{"least", []string{cmp.Or(least, "info")}, notify.Severities()}, {"topics", topics, notify.AllTopics()}, {"roles", roles, []string{"operator", "admin"}}} {
		for _, word := range list.given {
			if !slices.Contains(list.known, word) {
				return r, fmt.Errorf("%s: %q is none: one of %s", list.field, word, strings.Join(list.known, ", "))
			}
		}
	}
	return r, nil
}

// privateText reads a secret from a file that nobody else may read.
func privateText(field, file string) (string, error) {
	if err := config.CheckPrivate(file); err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func mailChannel(m config.NotifyMail) (notify.Mail, error) {
	out := notify.Mail{Server: m.Server, From: m.From, To: m.To, User: m.User, Plain: m.Plain, Now: time.Now}
	if _, _, err := net.SplitHostPort(m.Server); err != nil {
		return out, errors.New("server: HOST:PORT, for example mail.example.net:587")
	}
	for _, a := range append([]string{m.From}, m.To...) {
		if p, err := mail.ParseAddress(a); err != nil || p.Address != a {
			return out, fmt.Errorf("from and to: %q is no plain address, for example noc@example.net", a)
		}
	}
	var err error
	if out.Route, err = route(m.Least, m.Topics, m.Roles); err != nil || m.PasswordFile == "" {
		return out, err
	}
	out.Password, err = privateText("password_file", m.PasswordFile)
	return out, err
}

func address(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("an address that begins with https:// or http://")
	}
	return nil
}
