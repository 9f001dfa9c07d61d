package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sipsteer/sipsteer/pkg/config"
)

var kinds = []string{"fleet", "agent", "client"}

// TestSchemaFilesAreCurrent holds docs/schema equal to what the types say.
func TestSchemaFilesAreCurrent(t *testing.T) {
	for _, kind := range kinds {
		got, err := config.Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("..", "..", "docs", "schema", kind+".json"), got)
	}
	if _, err := config.Schema("pizza"); err == nil {
		t.Error("a schema of nothing")
	}
}

// TestSchemaDescribesEverything: a key without a word on it is no help.
func TestSchemaDescribesEverything(t *testing.T) {
	for _, kind := range kinds {
		walkSchema(schemaOf(t, kind), kind, func(path string, s map[string]any) {
			for key, p := range properties(s) {
				if text, _ := p["description"].(string); text == "" && !strings.HasSuffix(path, ".ports") {
					t.Errorf("%s.%s: no description", path, key)
				}
			}
			if e, ok := s["enum"].([]any); ok {
				words := slices.Sorted(slices.Values(texts(e)))
				if len(slices.Compact(slices.Clone(words))) != len(words) {
					t.Errorf("%s: a word twice in %v", path, e)
				}
			}
		})
	}
}

// TestSamplesFitTheSchema: what an editor says of the samples, and of files
// with a mistake of form, is what the program says.
func TestSamplesFitTheSchema(t *testing.T) {
	for kind, names := range map[string][]string{"fleet": {"fleet"}, "agent": {"calgary", "ottawa", "vancouver"}, "client": {"client"}} {
		s := schemaOf(t, kind)
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(samples, name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if bad := misfit(s, decoded(t, text), "$"); bad != "" {
				t.Errorf("%s.yaml: %s", name, bad)
			}
		}
	}
}

func TestSchemaRefusesMistakesOfForm(t *testing.T) {
	sample, err := os.ReadFile(filepath.Join(samples, "fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := schemaOf(t, "fleet")
	for name, change := range map[string][2]string{
		"unknown key":       {"zone: ", "zonne: "},
		"unknown transport": {"transport: udp", "transport: upd"},
		"bare duration":     {"ttl_floor: 5s", "ttl_floor: 5"},
		"unknown grade":     {"automation: act", "automation: on"},
		"newer format":      {"format: 1", "format: 2"},
		"port 0":            {"udp: 5060", "udp: 0"},
	} {
		t.Run(name, func(t *testing.T) {
			text := bytes.Replace(sample, []byte(change[0]), []byte(change[1]), 1)
			if bytes.Equal(text, sample) {
				t.Fatalf("the sample has no %q", change[0])
			}
			if misfit(s, decoded(t, text), "$") == "" {
				t.Error("it fits the schema")
			}
			if _, err := config.ParseFleet("fleet.yaml", text); err == nil {
				t.Error("the program takes it")
			}
		})
	}
}

func schemaOf(t *testing.T, kind string) map[string]any {
	t.Helper()
	text, err := config.Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// decoded reads YAML into plain JSON values by the library alone.
func decoded(t *testing.T, text []byte) any {
	t.Helper()
	var v, out any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func properties(s map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	all, _ := s["properties"].(map[string]any)
	for key, p := range all {
		out[key], _ = p.(map[string]any)
	}
	return out
}

func walkSchema(s map[string]any, path string, visit func(path string, s map[string]any)) {
	visit(path, s)
	for key, p := range properties(s) {
		walkSchema(p, path+"."+key, visit)
	}
	if items, ok := s["items"].(map[string]any); ok {
		walkSchema(items, path+"[]", visit)
	}
}

func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// misfit says where v does not fit the schema, or "". It knows the keywords
// that our schemas use and refuses any other, so that none is passed over.
func misfit(s map[string]any, v any, path string) string {
	for _, word := range slices.Sorted(maps.Keys(s)) {
		bad := ""
		switch arg := s[word]; word {
		case "$schema", "title", "description", "examples":
		case "type":
			bad = wrongType(arg, v)
		case "enum":
			if !slices.Contains(texts(arg.([]any)), fmt.Sprint(v)) {
				bad = fmt.Sprintf("%v is none of %v", v, arg)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(text) {
				bad = fmt.Sprintf("%q does not match %s", v, arg)
			}
		case "minimum", "maximum":
			n, _ := v.(json.Number)
			if f, err := n.Float64(); err == nil && ((word == "minimum" && f < arg.(float64)) || (word == "maximum" && f > arg.(float64))) {
				bad = fmt.Sprintf("%v against a %s of %v", v, word, arg)
			}
		case "minItems":
			if list, ok := v.([]any); ok && float64(len(list)) < arg.(float64) {
				bad = "too few"
			}
		case "maxLength":
			if text, ok := v.(string); ok && float64(len(text)) > arg.(float64) {
				bad = "too long"
			}
		case "items":
			for i, item := range list(v) {
				if bad := misfit(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", path, i)); bad != "" {
					return bad
				}
			}
		case "properties":
			for key, value := range mapping(v) {
				if p, known := arg.(map[string]any)[key].(map[string]any); known {
					if bad := misfit(p, value, path+"."+key); bad != "" {
						return bad
					}
				} else if s["additionalProperties"] == false {
					return path + "." + key + ": unknown"
				}
			}
		case "required":
			for _, key := range arg.([]any) {
				if _, there := mapping(v)[key.(string)]; !there {
					bad = fmt.Sprintf("%s is missing", key)
				}
			}
		case "additionalProperties":
			if arg != false {
				bad = "the schema lets unknown keys in"
			}
		default:
			bad = fmt.Sprintf("the test does not know the keyword %q", word)
		}
		if bad != "" {
			return path + ": " + bad
		}
	}
	return ""
}

func list(v any) []any             { l, _ := v.([]any); return l }
func mapping(v any) map[string]any { m, _ := v.(map[string]any); return m }

func wrongType(want, v any) string {
	got := fmt.Sprintf("%T", v)
	switch w := v.(type) {
	case map[string]any:
		got = "object"
	case []any:
		got = "array"
	case string:
		got = "string"
	case bool:
		got = "boolean"
	case json.Number:
		if got = "number"; !strings.ContainsAny(w.String(), ".eE") {
			got = "integer"
		}
	}
	if got != want {
		return fmt.Sprintf("%v is of type %s, not %v", v, got, want)
	}
	return ""
}
