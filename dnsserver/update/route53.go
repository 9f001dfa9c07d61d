package update

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// Route53 is a hosted zone of Amazon Route 53.
type Route53 struct {
	// ZoneID is the hosted zone's, as Z1D633PJN98FT9.
	ZoneID string
	// KeyID and Secret are an access key that may list and change record sets of
	// the zone, and nothing else. Session goes with keys that end, else it is "".
	KeyID, Secret, Session string
	// URL of the API; "" is Amazon's. Plain http is taken to this machine alone.
	URL string
}

// Limits of the API: five requests a second for each account, and what a request
// may hold; UPSERT counts twice.
const (
	route53URL     = "https://route53.amazonaws.com"
	route53Pause   = 250 * time.Millisecond
	route53Page    = "300"
	route53Records = 1000
	route53Octets  = 32000
	route53Most    = 4 << 20 // octets of an answer
)

func (r Route53) withDefaults() (Route53, error) {
	if r.URL == "" {
		r.URL = route53URL
	}
	if err := checkAPI(r.URL, route53URL, "requests"); err != nil {
		return r, err
	}
	r.ZoneID = strings.TrimPrefix(strings.TrimPrefix(r.ZoneID, "/"), "hostedzone/")
	if !regexp.MustCompile(`^[A-Z0-9]{1,32}$`).MatchString(r.ZoneID) {
		return r, fmt.Errorf("%q is no ID of a hosted zone", r.ZoneID)
	}
	if r.KeyID == "" || r.Secret == "" {
		return r, errors.New("no access key")
	}
	r.URL = strings.TrimSuffix(r.URL, "/")
	return r, nil
}

// route53 keeps a hosted zone. A batch of changes is carried out whole or not at
// all, and a DELETE fails if the set is another by then. So each batch deletes the
// marker as it was read and creates the next: of two leaders one fails, as by RFC
// 2136, and both know it.
type route53 struct {
	cfg    Route53
	zone   string
	pause  time.Duration
	client *http.Client
	last   time.Time // of the last request

	marker []dns.RR             // read last
	has    map[srv.Key][]dns.RR // nil until it was read since the marker
	odd    map[srv.Key]error    // sets that cannot be kept
}

func newRoute53(c Config) *route53 {
	return &route53{cfg: *c.Route53, zone: c.Zone, pause: max(c.Pause, route53Pause), client: apiClient(c.Timeout)}
}

func (r *route53) where() string { return "Route 53, hosted zone " + r.cfg.ZoneID }

// epoch reads the marker alone: a failover of sets that are known reads no more.
func (r *route53) epoch(ctx context.Context) (uint64, error) {
	k := markerKey(r.zone)
	page, err := r.list(ctx, url.Values{"name": {k.Name}, "type": {k.Type.String()}, "maxitems": {"1"}})
	if err != nil {
		return 0, err
	}
	r.marker, r.has = nil, nil
	for i := range page.Sets {
		if found, ok := page.Sets[i].key(); ok && found == k {
			if r.marker, err = page.Sets[i].records(k); err != nil {
				return 0, err
			}
		}
	}
	return epochOf(r.marker), nil
}

func (r *route53) lookup(ctx context.Context, k srv.Key) ([]dns.RR, error) {
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	return r.has[k], r.odd[k]
}

// read reads the whole zone, once for each look at it.
func (r *route53) read(ctx context.Context) error {
	if r.has != nil {
		return nil
	}
	has, odd := map[srv.Key][]dns.RR{}, map[srv.Key]error{}
	query := url.Values{"maxitems": {route53Page}}
	for {
		page, err := r.list(ctx, query)
		if err != nil {
			return err
		}
		for i := range page.Sets {
			k, ok := page.Sets[i].key()
			if !ok {
				continue // a type of theirs
			}
			if has[k], err = page.Sets[i].records(k); err != nil {
				odd[k] = err
			}
		}
		if !page.Truncated {
			r.has, r.odd = has, odd
			return nil
		}
		query.Set("name", page.NextName)
		query.Set("type", page.NextType)
		if query.Del("identifier"); page.NextPolicy != "" {
			query.Set("identifier", page.NextPolicy)
		}
	}
}

func (r *route53) list(ctx context.Context, query url.Values) (page route53List, err error) {
	if err := r.call(ctx, http.MethodGet, strings.ReplaceAll(query.Encode(), "+", "%20"), nil, &page); err != nil {
		return page, fmt.Errorf("read zone %s: %w", r.zone, err)
	}
	return page, nil
}

func (r *route53) write(ctx context.Context, before, epoch uint64, changes []rrset) error {
	var all []route53Change
	for _, c := range changes {
		if len(c.records) > 0 {
			all = append(all, setOf(route53Upsert, c.key, c.records))
			continue
		}
		there, err := r.lookup(ctx, c.key) // what goes must be named as it is
		if err != nil {
			return err
		}
		if len(there) > 0 {
			all = append(all, setOf(route53Delete, c.key, there))
		}
	}
	next := []dns.RR{marker(r.zone, epoch)}
	for _, part := range route53Parts(all) {
		batch := append([]route53Change{}, part...)
		if len(r.marker) > 0 {
			batch = append(batch, setOf(route53Delete, markerKey(r.zone), r.marker))
		}
		batch = append(batch, setOf(route53Create, markerKey(r.zone), next))
		body, err := xml.Marshal(route53Request{Space: route53Space, Comment: fmt.Sprintf("sipsteer, epoch %d", epoch), Changes: batch})
		if err != nil {
			return fmt.Errorf("encode changes: %w", err)
		}
		if err := r.call(ctx, http.MethodPost, "", append([]byte(xml.Header), body...), nil); err != nil {
			return r.failed(ctx, before, err)
		}
		r.marker, before = next, epoch
	}
	return nil
}

// failed tells a race from all other reasons why a batch was refused.
func (r *route53) failed(ctx context.Context, before uint64, err error) error {
	var refused *route53Refusal
	if errors.As(err, &refused) && refused.code == "InvalidChangeBatch" {
		if now, again := r.epoch(ctx); again == nil && now != before {
			err = ErrRaced
		}
	}
	return fmt.Errorf("update %s: %w", r.zone, err)
}

// route53Parts cuts changes into what one request may hold, with room for the
// marker; there is one part at least.
func route53Parts(all []route53Change) [][]route53Change {
	var out [][]route53Change
	first, records, octets := 0, 2, 200
	for i := range all {
		n, size := len(all[i].Set.Records), 0
		for _, r := range all[i].Set.Records {
			size += len(r.Value)
		}
		if all[i].Action == route53Upsert {
			n, size = 2*n, 2*size
		}
		if i > first && (records+n > route53Records || octets+size > route53Octets) {
			out = append(out, all[first:i])
			first, records, octets = i, 2, 200
		}
		records, octets = records+n, octets+size
	}
	return append(out, all[first:])
}

// route53Refusal is what the API says that it will not do.
type route53Refusal struct{ status, code, message string }

func (e *route53Refusal) Error() string {
	return fmt.Sprintf("the API answers %q, %q: %.300q", e.status, e.code, e.message)
}

// call sends one signed request about the zone, not before the last one was a
// pause ago. Errors tell what the API said, cleaned, and nothing of the key.
func (r *route53) call(ctx context.Context, method, query string, body []byte, out any) error {
	if rest := r.pause - time.Since(r.last); rest > 0 && !pause(ctx, rest) {
		return ctx.Err()
	}
	r.last = time.Now()
	at := r.cfg.URL + "/2013-04-01/hostedzone/" + r.cfg.ZoneID + "/rrset"
	if query != "" {
		at += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/xml")
	}
	key := awsKey{id: r.cfg.KeyID, secret: r.cfg.Secret, session: r.cfg.Session, region: "us-east-1", service: "route53"}
	key.sign(req, body, r.last)
	resp, err := r.client.Do(req)
	if err != nil {
		return err // the library's names method and URL, no header
	}
	defer resp.Body.Close()
	answer := io.LimitReader(resp.Body, route53Most)
	if resp.StatusCode >= 300 {
		return route53Refused(resp, answer)
	}
	if out == nil {
		return nil
	}
	if err := xml.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s: %w", r.cfg.URL, err)
	}
	return nil
}

// route53Refused makes an error of an answer that is none. Who asks too often,
// or while a change is under way, waits.
func route53Refused(resp *http.Response, answer io.Reader) error {
	var e route53Error
	_ = xml.NewDecoder(answer).Decode(&e) // what cannot be read has a status yet
	err := &route53Refusal{resp.Status, e.Code, e.Message}
	if e.XMLName.Local == "InvalidChangeBatch" {
		err.code = e.XMLName.Local
	}
	if len(e.Messages) > 0 {
		err.message = strings.Join(e.Messages, "; ")
	}
	switch {
	case err.code == "Throttling", err.code == "ThrottlingException", err.code == "PriorRequestNotComplete", resp.StatusCode == http.StatusServiceUnavailable:
		return &busyError{busyWait, err}
	}
	return err
}
