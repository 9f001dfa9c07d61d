package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// Mail sends messages by SMTP (RFC 5321), over TLS as soon as the server offers
// it (RFC 3207).
type Mail struct {
	Server string // host:port
	From   string
	To     []string
	// User and Password log in, when User is set; never without TLS.
	User, Password string
	// Plain allows a server without STARTTLS: for one on the same machine.
	Plain bool
	Route
	Roots *tls.Config
	Now   func() time.Time
}

// Name implements Channel.
func (m Mail) Name() string { return "mail " + m.Server }

// Send implements Channel.
func (m Mail) Send(ctx context.Context, msg Message) error {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return &Final{"the server is not HOST:PORT"}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end) // a server that hangs costs one try
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	if err := m.secure(c, host); err != nil {
		return err
	}
	if err := m.deliver(c, msg); err != nil {
		var p *textproto.Error
		if errors.As(err, &p) && p.Code >= 500 {
			return &Final{fmt.Sprintf("refused with code %d", p.Code)}
		}
		return err
	}
	return c.Quit()
}

func (m Mail) secure(c *smtp.Client, host string) error {
	offered, _ := c.Extension("STARTTLS")
	switch {
	case offered:
		cfg := &tls.Config{MinVersion: tls.VersionTLS12}
		if m.Roots != nil {
			cfg = m.Roots.Clone()
		}
		cfg.ServerName = host
		if err := c.StartTLS(cfg); err != nil {
			return fmt.Errorf("start TLS: %w", err)
		}
	case !m.Plain:
		return &Final{"the server offers no TLS; for one on this machine set plain: true"}
	}
	if m.User == "" {
		return nil
	}
	if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
		return &Final{"the server takes no login"} // its answer may quote the password
	}
	return nil
}

func (m Mail) deliver(c *smtp.Client, msg Message) error {
	if err := c.Mail(m.From); err != nil {
		return err
	}
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.text(msg)); err != nil {
		return err
	}
	return w.Close()
}

// text is the message as RFC 5322 wants it.
func (m Mail) text(msg Message) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", m.From)
	header("To", strings.Join(m.To, ", "))
	header("Subject", mime.QEncoding.Encode("utf-8", msg.Subject))
	if m.Now != nil {
		header("Date", m.Now().Format(time.RFC1123Z))
	}
	_, domain, _ := strings.Cut(m.From, "@")
	header("Message-ID", "<"+msg.ID+"@"+strings.TrimRight(domain, ">")+">")
	header("Auto-Submitted", "auto-generated") // RFC 3834: nobody answers for a holiday
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(strings.Join(msg.Lines, "\r\n") + "\r\n")) // into memory
	_ = q.Close()
	return b.Bytes()
}
