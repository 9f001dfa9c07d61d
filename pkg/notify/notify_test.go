package notify_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/notify"
)

var message = notify.Message{ID: "m-1", Severity: "major", Subject: "incident\r\nBcc: everyone@example.net", Lines: []string{"calgary \x1b[31m is down", "zweite Zeile: ü"}}

func sender(c ...notify.Channel) *notify.Sender {
	return notify.New(notify.Config{Channels: c, Tries: 3, Pause: time.Millisecond, Timeout: 500 * time.Millisecond})
}

func TestWebhookIsTriedAgainWithinBounds(t *testing.T) {
	for name, c := range map[string]struct {
		status []int
		calls  int
		ok     bool
	}{
		"at once":          {[]int{200}, 1, true},
		"after two 500":    {[]int{500, 503, 204}, 3, true},
		"always 500":       {[]int{500, 500, 500, 500}, 3, false},
		"refused for good": {[]int{404}, 1, false},
		"a redirect":       {[]int{302}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var bodies, keys []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				b, _ := io.ReadAll(r.Body)
				bodies, keys = append(bodies, string(b)), append(keys, r.Header.Get("Idempotency-Key"))
				w.WriteHeader(c.status[min(len(bodies), len(c.status))-1])
			}))
			defer srv.Close()
			err := sender(notify.Webhook{URL: srv.URL + "/secret"}).Send(context.Background(), message)
			if (err == nil) != c.ok || len(bodies) != c.calls {
				t.Fatalf("%v after %d calls, want %d", err, len(bodies), c.calls)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the address: %v", err)
			}
			for i := range bodies {
				if keys[i] != "m-1" || strings.Contains(bodies[i], "\\u001b") || !strings.Contains(bodies[i], "zweite Zeile") {
					t.Errorf("key %q, body %s", keys[i], bodies[i])
				}
			}
		})
	}
}

func TestAWebhookThatHangsCostsItsTimeOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = notify.New(notify.Config{Channels: []notify.Channel{notify.Webhook{URL: "http://" + l.Addr().String()}}, Tries: 2, Pause: time.Millisecond, Timeout: 50 * time.Millisecond}).Send(context.Background(), message)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

func TestSeverityChoosesTheChannel(t *testing.T) {
	called := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer srv.Close()
	if err := sender(notify.Webhook{URL: srv.URL, Route: notify.Route{Least: "critical"}}).Send(context.Background(), message); err != nil || called {
		t.Fatalf("%v, called %v", err, called)
	}
}

// mailbox is an SMTP server of one conversation at a time.
type mailbox struct {
	addr string
	mu   sync.Mutex
	mail []string
	rcpt []string
	hang bool
	code string // answer to RCPT
}

func newMailbox(t *testing.T, code string, hang bool) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &mailbox{addr: l.Addr().String(), code: code, hang: hang}
	var wg sync.WaitGroup
	wg.Go(func() { // ended by the clean-up
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.serve(c)
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return b
}

func (b *mailbox) serve(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if b.hang {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
	say("220 test")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		switch word := strings.ToUpper(strings.Fields(lines.Text() + " x")[0]); word {
		case "EHLO":
			say("250 test")
		case "RCPT":
			b.mu.Lock()
			b.rcpt = append(b.rcpt, lines.Text())
			b.mu.Unlock()
			say(b.code)
		case "DATA":
			say("354 go")
			var text strings.Builder
			for lines.Scan() && lines.Text() != "." {
				text.WriteString(lines.Text() + "\n")
			}
			b.mu.Lock()
			b.mail = append(b.mail, text.String())
			b.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestMail(t *testing.T) {
	b := newMailbox(t, "250 ok", false)
	ch := notify.Mail{Server: b.addr, From: "sipsteer@example.net", To: []string{"noc@example.net", "boss@example.net"}, Plain: true}
	if err := sender(ch).Send(context.Background(), message); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mail) != 1 || len(b.rcpt) != 2 {
		t.Fatalf("%d mails, recipients %v", len(b.mail), b.rcpt)
	}
	head, body, _ := strings.Cut(b.mail[0], "\n\n")
	if strings.Contains(head, "\nBcc:") || !strings.Contains(head, "Auto-Submitted: auto-generated") || !strings.Contains(head, "Message-ID: <m-1@example.net>") {
		t.Errorf("head:\n%s", head)
	}
	if !strings.Contains(body, "=C3=BC") || strings.Contains(body, "\x1b") {
		t.Errorf("body:\n%s", body)
	}
}

func TestMailThatCannotBeSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		server, code string
		plain        bool
		says         string
		rcpts        int
	}{
		"server down":   {closed.Addr().String(), "", true, "after 3 tries", 0},
		"server hangs":  {newMailbox(t, "", true).addr, "", true, "after 3 tries", 0},
		"no TLS there":  {newMailbox(t, "250 ok", false).addr, "", false, "offers no TLS", 0},
		"no port":       {"mail.example.net", "", true, "HOST:PORT", 0},
		"unknown there": {"", "550 no such user", true, "refused with code 550", 1},
		"busy there":    {"", "450 later", true, "after 3 tries", 3},
	} {
		t.Run(name, func(t *testing.T) {
			var b *mailbox
			if c.server == "" {
				b = newMailbox(t, c.code, false)
				c.server = b.addr
			}
			err := notify.New(notify.Config{Channels: []notify.Channel{notify.Mail{Server: c.server, From: "a@example.net", To: []string{"b@example.net"}, Plain: c.plain}}, Tries: 3, Pause: time.Millisecond, Timeout: 100 * time.Millisecond}).Send(context.Background(), message)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if b != nil {
				b.mu.Lock()
				defer b.mu.Unlock()
				if len(b.rcpt) != c.rcpts {
					t.Errorf("tried %d times, want %d", len(b.rcpt), c.rcpts)
				}
			}
		})
	}
}
