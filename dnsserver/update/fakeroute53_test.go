package update_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	awsKeyID  = "AKIDEXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	awsZone   = "Z1D633PJN98FT9"
	awsSpace  = "https://route53.amazonaws.com/doc/2013-04-01/"
)

// fakeRoute53 is a hosted zone as the API reference of Route 53 (2013-04-01)
// describes it, strict where the service is: signatures, rates, the size of a
// batch, batches that are carried out whole or not at all.
type fakeRoute53 struct {
	t      *testing.T
	before func(f *fakeRoute53) // of each change, with mu held; may be nil
	page   int                  // sets in an answer

	mu     sync.Mutex
	sets   map[string]awsSet // by name and type
	times  []time.Time       // of requests
	reads  int
	writes []awsChanges
}

type awsSet struct {
	Name    string
	Type    string
	TTL     uint32    `xml:"TTL,omitempty"`
	Records []string  `xml:"-"`
	Written []awsText `xml:"ResourceRecords>ResourceRecord"` // Records, in a document
	Alias   *struct{} `xml:"AliasTarget,omitempty"`
}

type awsText struct{ Value string }

type awsChanges struct {
	XMLName xml.Name `xml:"ChangeResourceRecordSetsRequest"`
	Changes []struct {
		Action string
		Set    awsSet `xml:"ResourceRecordSet"`
	} `xml:"ChangeBatch>Changes>Change"`
}

func runRoute53(t *testing.T) (*fakeRoute53, string) {
	f := &fakeRoute53{t: t, page: 300, sets: map[string]awsSet{}}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.put(awsSet{Name: origin, Type: "NS", TTL: 172800, Records: []string{"ns-1.awsdns-1.org."}})
	f.put(awsSet{Name: "mail." + origin, Type: "MX", TTL: 300, Records: []string{"10 mx.example.org."}})
	f.put(awsSet{Name: `\052.web.` + origin, Type: "A", Alias: &struct{}{}})
	return f, s.URL
}

func (f *fakeRoute53) put(s awsSet) { f.sets[s.Name+" "+s.Type] = s }

// says returns what a set has, its values in order.
func (f *fakeRoute53) says(name, rtype string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(f.sets[name+origin+" "+rtype].Records)), ", ")
}

func (f *fakeRoute53) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.times = append(f.times, now)
	switch {
	case r.URL.Path != "/2013-04-01/hostedzone/"+awsZone+"/rrset":
		f.refuse(w, 404, "NoSuchHostedZone", "No hosted zone found with ID")
	case awsSignature(r, body, now) != r.Header.Get("Authorization"):
		f.refuse(w, 403, "SignatureDoesNotMatch", "The request signature we calculated does not match\x1b[31m")
	case len(f.times) > 5 && now.Sub(f.times[len(f.times)-6]) < time.Second:
		f.refuse(w, 400, "Throttling", "Rate exceeded")
	case r.Method == http.MethodGet:
		f.list(w, r.URL.Query())
	case r.Method == http.MethodPost:
		f.change(w, body)
	}
}

func (f *fakeRoute53) refuse(w http.ResponseWriter, code int, name, message string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `<?xml version="1.0"?><ErrorResponse xmlns="%s"><Error><Type>Sender</Type><Code>%s</Code><Message>`, awsSpace, name)
	_ = xml.EscapeText(w, []byte(message))
	fmt.Fprint(w, "</Message></Error><RequestId>x</RequestId></ErrorResponse>")
}

// reversed is what the API orders names by: labels from the last to the first.
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

func (f *fakeRoute53) list(w http.ResponseWriter, q url.Values) {
	f.reads++
	var all []awsSet
	for _, s := range f.sets {
		for _, v := range s.Records {
			s.Written = append(s.Written, awsText{v})
		}
		all = append(all, s)
	}
	order := func(a, b awsSet) int {
		return cmp.Or(cmp.Compare(reversed(a.Name), reversed(b.Name)), cmp.Compare(a.Type, b.Type))
	}
	slices.SortFunc(all, order)
	if q.Get("name") != "" {
		first := awsSet{Name: q.Get("name"), Type: q.Get("type")}
		all = slices.DeleteFunc(all, func(s awsSet) bool { return order(s, first) < 0 })
	}
	most, err := strconv.Atoi(q.Get("maxitems"))
	if err != nil || most < 1 || most > 300 {
		f.t.Errorf("maxitems %q", q.Get("maxitems"))
	}
	var out struct {
		XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListResourceRecordSetsResponse"`
		Sets        []awsSet `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated bool
		NextName    string `xml:"NextRecordName,omitempty"`
		NextType    string `xml:"NextRecordType,omitempty"`
	}
	if most = min(most, f.page); len(all) > most {
		out.IsTruncated, out.NextName, out.NextType = true, all[most].Name, all[most].Type
		all = all[:most]
	}
	out.Sets = all
	text, err := xml.Marshal(out)
	if err != nil {
		f.t.Error(err)
	}
	_, _ = w.Write(text)
}

// change carries a batch out, whole or not at all.
func (f *fakeRoute53) change(w http.ResponseWriter, body []byte) {
	if f.before != nil {
		f.before(f)
	}
	var batch awsChanges
	if err := xml.Unmarshal(body, &batch); err != nil || batch.XMLName.Space != awsSpace || len(batch.Changes) == 0 {
		f.refuse(w, 400, "InvalidInput", fmt.Sprint(err))
		return
	}
	next := map[string]awsSet{}
	for k, s := range f.sets {
		next[k] = s
	}
	records, octets := 0, 0
	for _, c := range batch.Changes {
		for _, v := range c.Set.Written {
			c.Set.Records = append(c.Set.Records, v.Value)
		}
		c.Set.Written = nil
		k, times := c.Set.Name+" "+c.Set.Type, 1
		there, is := next[k]
		same := is && there.TTL == c.Set.TTL && slices.Equal(slices.Sorted(slices.Values(there.Records)), slices.Sorted(slices.Values(c.Set.Records)))
		problem := ""
		switch {
		case len(c.Set.Records) == 0 || c.Set.TTL == 0 || !strings.HasSuffix(c.Set.Name, "."+origin):
			problem = "Invalid resource record set " + k
		case c.Action == "CREATE" && is:
			problem = "Tried to create resource record set " + k + " but it already exists"
		case c.Action == "DELETE" && !same:
			problem = "Tried to delete resource record set " + k + " but the values provided do not match the current values"
		case c.Action == "DELETE":
			delete(next, k)
		case c.Action == "UPSERT":
			times = 2
			fallthrough
		case c.Action == "CREATE":
			next[k] = c.Set
		default:
			problem = "Unknown action " + c.Action
		}
		for _, v := range c.Set.Records {
			records, octets = records+times, octets+times*len(v)
		}
		if records > 1000 || octets > 32000 {
			problem = "Number of records limit of 1000 exceeded"
		}
		if problem != "" {
			w.WriteHeader(400)
			fmt.Fprintf(w, `<?xml version="1.0"?><InvalidChangeBatch xmlns="%s"><Messages><Message>%s</Message></Messages></InvalidChangeBatch>`, awsSpace, problem)
			return
		}
	}
	f.sets = next
	f.writes = append(f.writes, batch)
	fmt.Fprintf(w, `<?xml version="1.0"?><ChangeResourceRecordSetsResponse xmlns="%s"><ChangeInfo><Status>PENDING</Status></ChangeInfo></ChangeResourceRecordSetsResponse>`, awsSpace)
}

// awsSignature is the header that a request must have, worked out from what came
// in: the manual's four steps, written without a look at how they are done in
// package update.
func awsSignature(r *http.Request, body []byte, now time.Time) string {
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	if err != nil || now.Sub(at).Abs() > 5*time.Minute || !strings.Contains(list, "host") || !strings.Contains(list, "x-amz-date") {
		return "none"
	}
	var query []string
	for k, values := range r.URL.Query() {
		for _, v := range values {
			query = append(query, strictly(k)+"="+strictly(v))
		}
	}
	slices.Sort(query)
	text := r.Method + "\n" + r.URL.Path + "\n" + strings.Join(query, "&") + "\n"
	for _, name := range strings.Split(list, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		text += name + ":" + value + "\n"
	}
	text += "\n" + list + "\n" + fmt.Sprintf("%x", sha256.Sum256(body))
	day := date[:8]
	key := "AWS4" + awsSecret
	for _, part := range []string{day, "us-east-1", "route53", "aws4_request", fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s/us-east-1/route53/aws4_request\n%x", date, day, sha256.Sum256([]byte(text)))} {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(part))
		key = string(h.Sum(nil))
	}
	return fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/route53/aws4_request, SignedHeaders=%s, Signature=%s", awsKeyID, day, list, hex.EncodeToString([]byte(key)))
}

// strictly escapes all but the unreserved characters (RFC 3986 §2.3).
func strictly(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
