package update_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver/update"
)

// fakeAPI is the API of PowerDNS as its manual describes it, for what the real
// server cannot be made to do: to be busy, to send away, to change in between.
type fakeAPI struct {
	mu     sync.Mutex
	answer func(r *http.Request, n int) (code int, header, body string) // n counts requests
	asked  []string
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	if r.Header.Get("X-API-Key") != apiKey {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	code, header, body := f.answer(r, len(f.asked))
	if name, value, ok := strings.Cut(header, ": "); ok {
		w.Header().Set(name, value)
	}
	w.WriteHeader(code)
	fmt.Fprint(w, body)
}

func (f *fakeAPI) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func zoneWithEpoch(epoch int) string {
	return fmt.Sprintf(`{"rrsets":[{"name":"_sipsteer.voice.example.net.","type":"TXT","ttl":5,"records":[{"content":"\"epoch=%d\"","disabled":false}]},{"name":"x.","type":"LUA","ttl":5,"records":[{"content":"?"}]}]}`, epoch)
}

func runFake(t *testing.T, key string, answer func(r *http.Request, n int) (int, string, string)) (*fakeAPI, *update.Updater) {
	t.Helper()
	f := &fakeAPI{answer: answer}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, newUpdater(t, update.Config{PowerDNS: &update.PowerDNS{URL: s.URL, Key: key}})
}

// An API that is busy is left alone for as long as it says, whatever is decided
// meanwhile.
func TestBusyAPIIsLeftAlone(t *testing.T) {
	f, u := runFake(t, apiKey, func(*http.Request, int) (int, string, string) {
		return http.StatusTooManyRequests, "Retry-After: 3600", "slow down"
	})
	u.Lead(steered(t, 7, 10))
	eventually(t, "the problem is shown", func() bool { return strings.Contains(u.Status().Problem, "again in 1h0m0s") })
	for epoch := range uint64(5) {
		u.Lead(steered(t, 8+epoch, 10))
	}
	eventually(t, "the newest is wanted", func() bool { return u.Status().Writing })
	if n := f.requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// What goes wrong is shown, cleaned, without the key; nothing is written where
// another writer was faster.
func TestAPIProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		key    string
		answer func(r *http.Request, n int) (int, string, string)
		want   string
	}{
		"wrong key":       {"another", nil, "401"},
		"unknown zone":    {apiKey, func(*http.Request, int) (int, string, string) { return 404, "", "{\"error\": \"Not\x1b[31m Found\"}" }, `Not\x1b[31m Found`},
		"sent elsewhere":  {apiKey, func(*http.Request, int) (int, string, string) { return 302, "Location: http://192.0.2.1/", "" }, "302"},
		"no JSON":         {apiKey, func(*http.Request, int) (int, string, string) { return 200, "", "<html>" }, "read answer"},
		"newer epoch":     {apiKey, func(*http.Request, int) (int, string, string) { return 200, "", zoneWithEpoch(99) }, update.ErrStale.Error()},
		"faster writer":   {apiKey, func(_ *http.Request, n int) (int, string, string) { return 200, "", zoneWithEpoch(n % 2) }, update.ErrRaced.Error()},
		"refused records": {apiKey, func(r *http.Request, _ int) (int, string, string) { return refuseWrites(t, r) }, "422"},
	} {
		f, u := runFake(t, tc.key, tc.answer)
		u.Lead(steered(t, 7, 10))
		eventually(t, name+" is shown", func() bool { return strings.Contains(u.Status().Problem, tc.want) })
		if s := u.Status(); s.Epoch != 0 || strings.Contains(s.Problem, apiKey) || strings.ContainsRune(s.Problem, '\x1b') {
			t.Errorf("%s: %+v", name, s)
		}
		f.mu.Lock()
		for _, a := range f.asked {
			if strings.HasPrefix(a, "PATCH") != (name == "refused records") && strings.HasPrefix(a, "PATCH") {
				t.Errorf("%s: %q", name, f.asked)
				break
			}
		}
		f.mu.Unlock()
	}
}

func refuseWrites(t *testing.T, r *http.Request) (int, string, string) {
	if r.Method == http.MethodGet {
		return 200, "", `{"rrsets":[]}`
	}
	var body struct {
		RRsets []struct {
			Name, Type, ChangeType string
			TTL                    int
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.RRsets) == 0 {
		t.Errorf("%v: %+v", err, body)
	}
	last := body.RRsets[len(body.RRsets)-1]
	if last.Name != "_sipsteer.voice.example.net." || last.ChangeType != "REPLACE" {
		t.Errorf("the marker does not come last: %+v", last)
	}
	return 422, "", "no"
}

func TestPowerDNSRefused(t *testing.T) {
	good := update.PowerDNS{URL: "https://dns.example.net:8081", Key: apiKey}
	for name, spoil := range map[string]func(p *update.PowerDNS){
		"":               func(*update.PowerDNS) {},
		"no URL":         func(p *update.PowerDNS) { p.URL = "dns.example.net" },
		"in clear":       func(p *update.PowerDNS) { p.URL = "http://dns.example.net:8081" },
		"key in the URL": func(p *update.PowerDNS) { p.URL = "https://user:" + "word@dns.example.net" },
		"no key":         func(p *update.PowerDNS) { p.Key = "" },
	} {
		p := good
		spoil(&p)
		_, err := update.New(update.Config{Zone: "example.net", PowerDNS: &p, Pause: time.Second})
		if (err == nil) != (name == "") || err != nil && strings.Contains(err.Error(), "word@") {
			t.Errorf("%s: %v", name, err)
		}
	}
	both := byUpdate(netip.MustParseAddrPort("127.0.0.1:53"))
	both.Zone, both.PowerDNS = "example.net", &good
	if _, err := update.New(both); err == nil {
		t.Error("two ways to write one zone")
	}
}
