package update

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// checkAPI refuses what is no URL of an API, as example is one, and one over which
// the secret would go in clear. The error does not tell the URL: it may hold a
// secret.
func checkAPI(text, example, secret string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("the URL of the API is none, as " + example + " is")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && (err != nil || !addr.IsLoopback()) {
		return errors.New(secret + " would go over the network in clear: use https")
	}
	return nil
}

// apiClient follows no redirection: a key goes nowhere else.
func apiClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
