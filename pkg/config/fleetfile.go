package config

import (
	"crypto/x509"
	"reflect"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// LoadFleet reads a fleet file. The error is an *Error with everything that is
// wrong with it.
func LoadFleet(path string) (*fleet.Fleet, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ParseFleet(path, data)
}

// ParseFleet reads the text of a fleet file; name stands for the file in
// errors. Unset settings of the result are at their defaults.
func ParseFleet(name string, data []byte) (*fleet.Fleet, error) {
	d, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	var f fleet.Fleet
	d.decode(d.root, reflect.ValueOf(&f).Elem(), "$", 0)
	if f.Format > fleet.Format { // then other problems mean nothing
		d.problems, d.lost = nil, false
		d.validateFleet(fleet.Fleet{Format: f.Format}, "$.format")
		return nil, d.err()
	}
	if !d.lost {
		lower(&f)
		d.validateFleet(f, "$")
		d.certificates("$.checks.trust_roots", f.Checks.TrustRoots)
		if _, err := TimeZone(f.Policy.Failback.Zone()); err != nil {
			d.at("$.policy.failback.time_zone", "an IANA name: America/Edmonton", "%v", err)
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	f = f.WithDefaults()
	return &f, nil
}

// validateFleet notes what is wrong at or below a path, at its place in the
// file. A place that is told of already is not told of again.
func (d *document) validateFleet(f fleet.Fleet, below string) {
	told := map[string]bool{}
	for _, p := range d.problems {
		told[p.Path] = true
	}
	for _, p := range fleet.Validate(f) {
		if told[p.Path] || !strings.HasPrefix(p.Path, below) {
			continue
		}
		message := p.Message
		if other := d.place(p.Other); other != nil {
			message = strings.TrimSuffix(message, p.Other) + p.Other + " (line " + strconv.Itoa(other.Line) + ")"
		}
		d.at(p.Path, p.Hint, "%s", message)
	}
}

// certificates refuses what is no PEM text of certificates.
func (d *document) certificates(path, text string) {
	if text != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(text)) {
		d.at(path, "write | and under it, indented, -----BEGIN CERTIFICATE----- and so on", "no certificate in PEM")
	}
}

// lower brings DNS names to lower case, in which they compare (RFC 4343), and
// takes the trailing dot from those that are absolute in any case.
func lower(f *fleet.Fleet) {
	if local, domain, ok := strings.Cut(f.Hostmaster, "@"); ok {
		f.Hostmaster = local + "@" + strings.ToLower(domain)
	}
	f.Zone = strings.ToLower(strings.TrimSuffix(f.Zone, "."))
	for i := range f.NameServers {
		f.NameServers[i].Name = strings.ToLower(f.NameServers[i].Name)
	}
	for i := range f.Sites {
		f.Sites[i].Host = strings.ToLower(f.Sites[i].Host)
		for j := range f.Sites[i].Softswitches {
			for k := range f.Sites[i].Softswitches[j].Listeners {
				l := &f.Sites[i].Softswitches[j].Listeners[k]
				l.ServerName = strings.ToLower(strings.TrimSuffix(l.ServerName, "."))
			}
		}
	}
	for i := range f.Services {
		f.Services[i].Name = fleet.ServiceID(strings.ToLower(strings.TrimSuffix(string(f.Services[i].Name), ".")))
	}
}
