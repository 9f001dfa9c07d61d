package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Webhook posts messages as JSON in the words of who takes them.
type Webhook struct {
	URL    string
	Format Format // "" is FormatJSON
	Key    string // routing key, for FormatPagerDuty
	Route
}

// Name implements Channel. Only the host is told: paths of webhooks are secrets.
func (w Webhook) Name() string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return "webhook"
	}
	return "webhook " + u.Host
}

// Send implements Channel.
func (w Webhook) Send(ctx context.Context, m Message) error {
	body, err := w.body(m)
	if err != nil {
		return &Final{err.Error()}
	}
	return post(ctx, w.URL, m.ID, body)
}

// Beat tells a watcher outside that somebody is alive. It is the watcher who
// raises the alarm, when it hears nothing.
func Beat(ctx context.Context, url string) error { return post(ctx, url, "", []byte("{}")) }

func post(ctx context.Context, to, key string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return &Final{"the address cannot be used"} // the error itself would tell it
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) { // its text holds the address
			err = ue.Err
		}
		return err
	}
	resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	return &Final{fmt.Sprintf("answered with status %d", resp.StatusCode)}
}
