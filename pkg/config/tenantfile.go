package config

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// maxTenantLine bounds one line of a tenant file, in octets.
const maxTenantLine = 64 << 10

// TenantRow is one tenant of a file.
type TenantRow struct {
	Domain  fleet.TenantID
	Service fleet.ServiceID
	Line    int
}

// ReadTenants reads a file of tenants: CSV with the columns domain and service,
// or JSON objects with these keys, one a line. Others may follow. The rows come
// back in order of the domains. zone is added to services that are named
// without it; problem says why a domain or service cannot be, or "". The error
// is an *Error with everything that is wrong: one bad row spoils the file.
func ReadTenants(name string, r io.Reader, zone string, problem func(fleet.TenantID, fleet.ServiceID) (why, hint string)) ([]TenantRow, error) {
	t := &tenantReader{file: name, zone: zone, problem: problem, seen: map[fleet.TenantID]int{}}
	in := bufio.NewReaderSize(r, maxTenantLine)
	if bom, err := in.Peek(3); err == nil && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // was peeked
	}
	first, err := in.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, fileError(name, "the first line is: domain,service", "the file is empty")
	case err != nil:
		return nil, fileError(name, "", "%v", reason(err))
	case first[0] == '{':
		t.json(in)
	default:
		t.csv(in)
	}
	if len(t.problems) > 0 {
		slices.SortStableFunc(t.problems, func(a, b Located) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
		return nil, &Error{problems: t.problems, more: t.more}
	}
	slices.SortFunc(t.rows, func(a, b TenantRow) int { return cmp.Compare(a.Domain, b.Domain) })
	return t.rows, nil
}

type tenantReader struct {
	file, zone string
	problem    func(fleet.TenantID, fleet.ServiceID) (string, string)
	rows       []TenantRow
	seen       map[fleet.TenantID]int // line
	problems   []Located
	more       int
}

func (t *tenantReader) add(line, column int, path, hint, format string, args ...any) {
	if len(t.problems) >= maxProblems {
		t.more++
		return
	}
	t.problems = append(t.problems, Located{
		File: t.file, Line: line, Column: column, Path: path, Message: short(clean(fmt.Sprintf(format, args...))), Hint: clean(hint),
	})
}

func (t *tenantReader) csv(in io.Reader) {
	r := csv.NewReader(in)
	r.ReuseRecord, r.FieldsPerRecord = true, -1
	header, err := r.Read()
	if err != nil {
		t.csvError(err)
		return
	}
	domain, service := slices.Index(header, "domain"), slices.Index(header, "service")
	columns := len(header)
	if domain < 0 || service < 0 {
		t.add(1, 1, "header", "the first line is: domain,service", "the first line names no column domain or service: %.80q", strings.Join(header, ","))
		return
	}
	for {
		rec, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.csvError(err)
			return // where a quote is missing nothing behind it can be told apart
		}
		line, at := r.FieldPos(0)
		if len(rec) != columns {
			t.add(line, at, "", fmt.Sprintf("each line has %d, as the first", columns), "%d columns", len(rec))
			continue
		}
		_, domainAt := r.FieldPos(domain)
		_, serviceAt := r.FieldPos(service)
		t.row(line, domainAt, serviceAt, rec[domain], rec[service])
	}
}

func (t *tenantReader) csvError(err error) {
	var p *csv.ParseError
	if errors.As(err, &p) {
		t.add(p.Line, p.Column, "", `a value with a comma or a quote stands in quotes, and a quote in it twice: "a ""b"""`, "%v", p.Err)
		return
	}
	t.add(0, 0, "", "", "%v", reason(err))
}

func (t *tenantReader) json(in *bufio.Reader) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, maxTenantLine), maxTenantLine)
	line := 0
	for s.Scan() {
		line++
		if len(bytes.TrimSpace(s.Bytes())) > 0 {
			t.object(line, s.Bytes())
		}
	}
	if err := s.Err(); err != nil {
		t.add(line+1, 1, "", fmt.Sprintf("a line has at most %d octets", maxTenantLine), "%v", err)
	}
}

// object reads one line. It goes token by token, to know the place of each
// value and to see a key that stands twice.
func (t *tenantReader) object(line int, text []byte) {
	if !utf8.Valid(text) {
		t.add(line, 1+len(strings.ToValidUTF8(string(text), "")), "", "save the file as UTF-8", "not UTF-8")
		return
	}
	d := json.NewDecoder(bytes.NewReader(text))
	values := map[string]string{}
	places := map[string]int{}
	fail := func(hint, format string, args ...any) { t.add(line, int(d.InputOffset())+1, "", hint, format, args...) }
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		fail(`{"domain":"acme.example.net","service":"west"}`, "no JSON object")
		return
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			fail("", "%v", err)
			return
		}
		name, _ := key.(string)
		at := int(d.InputOffset()) + 2
		var value any
		if err := d.Decode(&value); err != nil {
			fail("", "%v", err)
			return
		}
		if name != "domain" && name != "service" {
			continue
		}
		text, ok := value.(string)
		if _, twice := values[name]; twice || !ok {
			t.add(line, at, name, "", "%s is no text, or stands twice", name)
			return
		}
		values[name], places[name] = text, at
	}
	if _, err := d.Token(); err != nil || d.More() {
		fail("one object a line", "the object does not end, or something stands behind it")
		return
	}
	for _, name := range []string{"domain", "service"} {
		if places[name] == 0 {
			t.add(line, 1, name, "", "no %s", name)
			return
		}
	}
	t.row(line, places["domain"], places["service"], values["domain"], values["service"])
}

// row takes one tenant.
func (t *tenantReader) row(line, domainAt, serviceAt int, domain, service string) {
	for _, x := range []struct {
		at         int
		name, text string
	}{{domainAt, "domain", domain}, {serviceAt, "service", service}} {
		switch {
		case x.text == "":
			t.add(line, x.at, x.name, "", "no %s", x.name)
			return
		case !utf8.ValidString(x.text) || strings.ContainsRune(x.text, utf8.RuneError):
			t.add(line, x.at, x.name, "save the file as UTF-8", "%s is not UTF-8: %.80q", x.name, x.text)
			return
		case strings.ContainsFunc(x.text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsPrint(r) }):
			t.add(line, x.at, x.name, "delete it", "a space or control character in %s %.80q", x.name, x.text)
			return
		}
	}
	row := TenantRow{Domain: fleet.TenantID(strings.ToLower(domain)), Service: fleet.ServiceID(strings.ToLower(service)), Line: line}
	if !strings.Contains(string(row.Service), ".") {
		row.Service += fleet.ServiceID("." + t.zone)
	}
	if before, twice := t.seen[row.Domain]; twice {
		t.add(line, domainAt, "domain", "delete one of them", "%s stands twice: first on line %d", row.Domain, before)
		return
	}
	t.seen[row.Domain] = line
	if why, hint := t.problem(row.Domain, ""); why != "" {
		t.add(line, domainAt, "domain", hint, "%.200q %s", string(row.Domain), why)
		return
	}
	if why, hint := t.problem("", row.Service); why != "" {
		t.add(line, serviceAt, "service", hint, "%.200q %s", string(row.Service), why)
		return
	}
	t.rows = append(t.rows, row)
}
