package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// Schema returns the JSON Schema of a kind of file — fleet, agent or client —
// made from the very types that the files are read into.
func Schema(kind string) ([]byte, error) {
	kinds := map[string]any{"fleet": fleet.Fleet{}, "agent": Agent{}, "client": Client{}}
	v, ok := kinds[kind]
	if !ok {
		return nil, fmt.Errorf("no kind of file is called %q", kind)
	}
	r := jsonschema.Reflector{FieldNameTag: "yaml", DoNotReference: true, Anonymous: true, Mapper: schemaOf}
	s := r.Reflect(v)
	s.Title = "sipsteer " + kind + " file"
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(out, '\n'), nil
}

// schemaOf describes the types that read themselves from text.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[fleet.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, Examples: []any{"250ms", "5s", "1h30m"}}
	case reflect.TypeFor[fleet.Transport]():
		var words []any
		for _, tr := range fleet.Transports {
			words = append(words, tr.String())
		}
		return &jsonschema.Schema{Type: "string", Enum: words}
	case reflect.TypeFor[netip.Addr]():
		return &jsonschema.Schema{Type: "string", Examples: []any{"192.0.2.1", "2001:db8::1"}}
	case reflect.TypeFor[netip.AddrPort]():
		return &jsonschema.Schema{Type: "string", Examples: []any{"192.0.2.1:5060", "[2001:db8::1]:5060"}}
	}
	return nil
}
