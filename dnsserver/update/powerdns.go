package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// PowerDNS is a server or provider with the HTTP API of PowerDNS, version 1.
type PowerDNS struct {
	// URL of the API, without the path: https://dns.example.net:8081. Plain http is
	// taken to this machine alone, since the key goes with each request.
	URL string
	// Key is the API key.
	Key string
	// ServerID is what the API calls the server; "" is localhost, as it nearly
	// always does.
	ServerID string
}

// Bounds of the API.
const (
	powerDNSEach = 500      // sets in a request
	powerDNSMost = 64 << 20 // octets of an answer
	powerDNSSaid = 300      // octets kept of what it says of a failure
	busyWait     = 30 * time.Second
	busyMost     = time.Hour
)

func (p PowerDNS) withDefaults() (PowerDNS, error) {
	if err := checkAPI(p.URL, "https://dns.example.net:8081", "the API key"); err != nil {
		return p, err
	}
	if p.Key == "" {
		return p, errors.New("no API key")
	}
	if p.ServerID == "" {
		p.ServerID = "localhost"
	}
	p.URL = strings.TrimSuffix(p.URL, "/")
	return p, nil
}

// powerDNS keeps a zone by its API. The API knows no conditions, so the marker is
// read again right before a write: two leaders for that moment are not kept apart,
// as they are by RFC 2136, but the next look at the zone finds what the older one
// wrote.
type powerDNS struct {
	cfg    PowerDNS
	zone   string
	pause  time.Duration
	client *http.Client
	has    map[srv.Key][]dns.RR // read last
}

func newPowerDNS(c Config) *powerDNS {
	return &powerDNS{cfg: *c.PowerDNS, zone: c.Zone, pause: c.Pause, client: apiClient(c.Timeout)}
}

func (p *powerDNS) where() string { return p.cfg.URL }

// powerSet is an RRset as the API writes it.
type powerSet struct {
	Name       string        `json:"name"`
	Type       string        `json:"type"`
	TTL        uint32        `json:"ttl,omitempty"`
	ChangeType string        `json:"changetype,omitempty"`
	Records    []powerRecord `json:"records,omitempty"`
}

type powerRecord struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

// epoch reads the whole zone: one request, however many sets there are.
func (p *powerDNS) epoch(ctx context.Context) (uint64, error) {
	var zone struct {
		RRsets []powerSet `json:"rrsets"`
	}
	if err := p.call(ctx, http.MethodGet, nil, &zone); err != nil {
		return 0, fmt.Errorf("read zone %s: %w", p.zone, err)
	}
	p.has = make(map[srv.Key][]dns.RR, len(zone.RRsets))
	for _, s := range zone.RRsets {
		t, ok := dns.StringToType[s.Type]
		if !ok {
			continue // none of ours
		}
		k := srv.Key{Name: dns.CanonicalName(s.Name), Type: srv.Type(t)}
		for _, r := range s.Records {
			rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", k.Name, s.TTL, s.Type, r.Content))
			if r.Disabled || err != nil || rr == nil {
				continue // it is not answered, or is none of ours
			}
			p.has[k] = append(p.has[k], rr)
		}
	}
	return epochOf(p.has[markerKey(p.zone)]), nil
}

func (p *powerDNS) lookup(_ context.Context, k srv.Key) ([]dns.RR, error) { return p.has[k], nil }

func (p *powerDNS) write(ctx context.Context, before, epoch uint64, changes []rrset) error {
	now, err := p.epoch(ctx)
	if err != nil {
		return err
	}
	if now != before {
		return fmt.Errorf("update %s: %w", p.zone, ErrRaced)
	}
	// The marker comes last: while it says the epoch before, a look at the zone
	// finds the rest of the work.
	all := append(slices.Clone(changes), rrset{key: markerKey(p.zone), records: []dns.RR{marker(p.zone, epoch)}})
	first := true
	for part := range slices.Chunk(all, powerDNSEach) {
		if !first && !pause(ctx, p.pause) {
			return ctx.Err()
		}
		first = false
		var body struct {
			RRsets []powerSet `json:"rrsets"`
		}
		for _, c := range part {
			body.RRsets = append(body.RRsets, powerSetOf(c))
		}
		if err := p.call(ctx, http.MethodPatch, body, nil); err != nil {
			return fmt.Errorf("update %s: %w", p.zone, err)
		}
	}
	return nil
}

func powerSetOf(c rrset) powerSet {
	s := powerSet{Name: c.key.Name, Type: c.key.Type.String(), ChangeType: "DELETE"}
	for _, rr := range c.records {
		s.ChangeType, s.TTL = "REPLACE", rr.Header().Ttl
		s.Records = append(s.Records, powerRecord{Content: strings.TrimPrefix(rr.String(), rr.Header().String())})
	}
	return s
}

// call sends one request about the zone. Errors tell what the API said, cleaned,
// and never the key.
func (p *powerDNS) call(ctx context.Context, method string, body, out any) error {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		text = bytes.NewReader(b)
	}
	at := p.cfg.URL + "/api/v1/servers/" + url.PathEscape(p.cfg.ServerID) + "/zones/" + url.PathEscape(p.zone)
	req, err := http.NewRequestWithContext(ctx, method, at, text)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("X-API-Key", p.cfg.Key)
	req.Header.Set("Content-Type", "application/json")
	r, err := p.client.Do(req)
	if err != nil {
		return err // the library's names method and URL, no header
	}
	defer r.Body.Close()
	if r.StatusCode >= 300 {
		return refused(r)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, powerDNSMost)).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s: %w", p.cfg.URL, err)
	}
	return nil
}

// refused makes an error of an answer that is none.
func refused(r *http.Response) error {
	said, _ := io.ReadAll(io.LimitReader(r.Body, powerDNSSaid))
	err := fmt.Errorf("the API answers %q: %q", r.Status, bytes.TrimSpace(said))
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return err
	}
	wait := busyWait
	if n, bad := strconv.Atoi(r.Header.Get("Retry-After")); bad == nil && n > 0 {
		wait = min(time.Duration(n)*time.Second, busyMost)
	}
	return &busyError{wait, err}
}
