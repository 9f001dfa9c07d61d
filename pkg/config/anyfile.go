package config

import (
	"reflect"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Load reads a file of a form that another package knows into v, a pointer to
// a struct with yaml keys: strictly, as the fleet file is read. validate, which
// may be nil, tells what is wrong with what was read. The error is an *Error
// with everything that is wrong.
func Load(path string, v any, validate func() []fleet.Problem) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	return Parse(path, data, v, validate)
}

// Parse is Load for text that is read already; name stands for the file.
func Parse(name string, data []byte, v any, validate func() []fleet.Problem) error {
	d, err := parse(name, data)
	if err != nil {
		return err
	}
	d.decode(d.root, reflect.ValueOf(v).Elem(), "$", 0)
	if !d.lost && validate != nil {
		told := map[string]bool{}
		for _, p := range d.problems {
			told[p.Path] = true
		}
		for _, p := range validate() {
			if !told[p.Path] {
				d.at(p.Path, p.Hint, "%s", strings.TrimSpace(p.Message))
			}
		}
	}
	return d.err()
}
