package config

import (
	"reflect"
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
	if len(d.problems) == 0 {
		lower(&f)
		for _, p := range fleet.Validate(f) {
			d.at(p.Path, p.Hint, "%s", p.Message)
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	f = f.WithDefaults()
	return &f, nil
}

// lower brings DNS names to lower case, in which they compare (RFC 4343).
func lower(f *fleet.Fleet) {
	f.Zone = strings.ToLower(strings.TrimSuffix(f.Zone, "."))
	for i := range f.NameServers {
		f.NameServers[i].Name = strings.ToLower(f.NameServers[i].Name)
	}
	for i := range f.Sites {
		f.Sites[i].Host = strings.ToLower(f.Sites[i].Host)
	}
	for i := range f.Services {
		f.Services[i].Name = fleet.ServiceID(strings.ToLower(strings.TrimSuffix(string(f.Services[i].Name), ".")))
	}
}
