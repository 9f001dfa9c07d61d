package update

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/pkg/srv"
)

// The documents of Route 53's API of 2013-04-01, as far as they are used.
const route53Space = "https://route53.amazonaws.com/doc/2013-04-01/"

type route53Set struct {
	Name          string          `xml:"Name"`
	Type          string          `xml:"Type"`
	SetIdentifier string          `xml:"SetIdentifier,omitempty"`
	TTL           uint32          `xml:"TTL,omitempty"`
	Records       []route53Record `xml:"ResourceRecords>ResourceRecord"`
	Alias         *struct{}       `xml:"AliasTarget,omitempty"`
}

type route53Record struct {
	Value string `xml:"Value"`
}

type route53List struct {
	Sets       []route53Set `xml:"ResourceRecordSets>ResourceRecordSet"`
	Truncated  bool         `xml:"IsTruncated"`
	NextName   string       `xml:"NextRecordName"`
	NextType   string       `xml:"NextRecordType"`
	NextPolicy string       `xml:"NextRecordIdentifier"`
}

type route53Request struct {
	XMLName xml.Name        `xml:"ChangeResourceRecordSetsRequest"`
	Space   string          `xml:"xmlns,attr"`
	Comment string          `xml:"ChangeBatch>Comment"`
	Changes []route53Change `xml:"ChangeBatch>Changes>Change"`
}

type route53Change struct {
	Action string     `xml:"Action"`
	Set    route53Set `xml:"ResourceRecordSet"`
}

// Actions of a change.
const (
	route53Create = "CREATE" // fails if the set is there
	route53Delete = "DELETE" // fails if the set is another
	route53Upsert = "UPSERT"
)

// route53Error is either of the two documents that tell of a failure.
type route53Error struct {
	Code     string   `xml:"Error>Code"`
	Message  string   `xml:"Error>Message"`
	Messages []string `xml:"Messages>Message"`
	XMLName  xml.Name
}

func setOf(action string, k srv.Key, records []dns.RR) route53Change {
	c := route53Change{Action: action, Set: route53Set{Name: k.Name, Type: k.Type.String()}}
	for _, rr := range records {
		c.Set.TTL = rr.Header().Ttl
		c.Set.Records = append(c.Set.Records, route53Record{strings.TrimPrefix(rr.String(), rr.Header().String())})
	}
	return c
}

// key is the set's, with the name as we write it: the API writes octets that are
// neither letters nor digits in octal, as \052 for an asterisk.
func (s *route53Set) key() (k srv.Key, ok bool) {
	t, ok := dns.StringToType[s.Type]
	var name strings.Builder
	for rest := s.Name; rest != ""; {
		if rest[0] == '\\' && len(rest) >= 4 {
			if n, err := strconv.ParseUint(rest[1:4], 8, 8); err == nil {
				name.WriteByte(byte(n))
				rest = rest[4:]
				continue
			}
		}
		name.WriteByte(rest[0])
		rest = rest[1:]
	}
	return srv.Key{Name: dns.CanonicalName(name.String()), Type: srv.Type(t)}, ok
}

// records reads what the set says; none of one that says more than records can,
// as an alias or one of several by a policy.
func (s *route53Set) records(k srv.Key) ([]dns.RR, error) {
	if s.Alias != nil || s.SetIdentifier != "" {
		return nil, fmt.Errorf("%s is an alias or has a routing policy there: remove it, so that it can be kept", k)
	}
	var out []dns.RR
	for _, r := range s.Records {
		rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", k.Name, s.TTL, s.Type, r.Value))
		if err != nil || rr == nil {
			return nil, fmt.Errorf("%s cannot be read: %q", k, r.Value)
		}
		out = append(out, rr)
	}
	return out, nil
}
