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
// made from the very types that the files are read into. It is for editors: it
// knows the form of each value, and not how values go together.
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

const (
	labelPattern    = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	durationPattern = `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
)

// schemaOf describes the types that read themselves from text.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[fleet.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern, Examples: []any{"250ms", "5s", "1h30m"}}
	case reflect.TypeFor[fleet.Transport]():
		return &jsonschema.Schema{Type: "string", Enum: enum(fleet.Transports[:])}
	case reflect.TypeFor[map[fleet.Transport]uint16]():
		ports := jsonschema.NewProperties()
		for _, tr := range fleet.Transports {
			ports.Set(tr.String(), &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: "65535"})
		}
		return &jsonschema.Schema{Type: "object", Properties: ports, AdditionalProperties: jsonschema.FalseSchema}
	case reflect.TypeFor[fleet.SiteID](), reflect.TypeFor[fleet.SwitchID](), reflect.TypeFor[fleet.AgentID]():
		return &jsonschema.Schema{Type: "string", Pattern: labelPattern, Examples: []any{"calgary"}}
	case reflect.TypeFor[netip.Addr]():
		return &jsonschema.Schema{Type: "string", Examples: []any{"192.0.2.1", "2001:db8::1"}}
	case reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string", Pattern: "/[0-9]+$", Examples: []any{"192.0.2.0/24", "2001:db8::/32"}}
	case reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string", Pattern: "/[0-9]+$", Examples: []any{"203.0.113.0/24", "2001:db8::/32"}}
	case reflect.TypeFor[netip.AddrPort]():
		return &jsonschema.Schema{Type: "string", Pattern: ":[0-9]+$", Examples: []any{"192.0.2.1:5060", "[2001:db8::1]:5060"}}
	}
	return nil
}

// JSONSchemaExtend leaves the transports that the gate speaks.
func (GateListener) JSONSchemaExtend(s *jsonschema.Schema) {
	if t, ok := s.Properties.Get("transport"); ok {
		t.Enum = enum([]fleet.Transport{fleet.UDP, fleet.TCP, fleet.TLS})
	}
}

func enum(transports []fleet.Transport) []any {
	words := make([]any, len(transports))
	for i, t := range transports {
		words[i] = t.String()
	}
	return words
}
