package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// decode fills v from a node. It is our own, on the library's syntax tree,
// because it must find every problem and not the first, must know the place of
// every value, and must not take 5 for five nanoseconds.
func (d *document) decode(n ast.Node, v reflect.Value, path string, depth int) {
	if depth > maxDepth {
		d.lose(path, n, "", "nested more than %d deep", maxDepth)
		return
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.lose(path, n, "write the value out", "anchors, aliases and tags are not read")
		return
	}
	if _, set := d.places[path]; !set {
		d.places[path] = position(n)
	}
	if v.Kind() == reflect.Pointer {
		if _, null := n.(*ast.NullNode); null {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, depth)
		return
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, t, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path, depth)
	case reflect.Slice:
		d.sequence(n, v, path, depth)
	case reflect.Map:
		d.table(n, v, path, depth)
	default:
		d.scalar(n, v, path)
	}
}

// lose notes a problem with a value that could not be read.
func (d *document) lose(path string, n ast.Node, hint, format string, args ...any) {
	d.lost = true
	d.problem(path, position(n), hint, format, args...)
}

// text fills a value that reads itself from text.
func (d *document) text(n ast.Node, t encoding.TextUnmarshaler, path string) {
	s, ok := scalarText(n)
	if !ok {
		d.lose(path, n, "", "%s stands where one value belongs", kindOf(n))
		return
	}
	err := t.UnmarshalText([]byte(s))
	if err == nil {
		return
	}
	switch t.(type) {
	case *netip.Addr:
		d.lose(path, n, "an address such as 192.0.2.1 or 2001:db8::1", "%q is no IP address", s)
	case *netip.Prefix:
		d.lose(path, n, "a network such as 192.0.2.0/24 or 2001:db8::/32; one address is 192.0.2.1/32", "%q is no network", s)
	case *netip.AddrPort:
		d.lose(path, n, `an address and a port such as "192.0.2.1:5060" or "[2001:db8::1]:5060"`, "%q is no IP address and port", s)
	case *fleet.Duration:
		hint := "a number and a unit: 250ms, 5s, 10m, 1h"
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			hint = "write " + s + "s for seconds; the units are ms, s, m and h"
		}
		d.lose(path, n, hint, "%q is no duration", s)
	case *fleet.Transport:
		d.lose(path, n, didYouMean(s, transportWords()), "%q is no transport", s)
	default:
		d.lose(path, n, "", "%v", err)
	}
}

func transportWords() []string {
	words := make([]string, len(fleet.Transports))
	for i, t := range fleet.Transports {
		words[i] = t.String()
	}
	return words
}

// didYouMean is a hint: the nearest of the words, or all of them.
func didYouMean(word string, words []string) string {
	if near := fleet.Nearest(word, words); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(words, ", ")
}

// field is a struct field by its key in the file.
type field struct {
	key      string
	index    int
	optional bool // may be left out
}

func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		key, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if key != "" && key != "-" {
			out = append(out, field{key, i, options == "omitempty"})
		}
	}
	return out
}

func (d *document) mapping(n ast.Node, v reflect.Value, path string, depth int) {
	pairs, ok := mappingOf(n)
	if !ok {
		if _, null := n.(*ast.NullNode); !null {
			d.lose(path, n, "", "%s stands where keys and values belong", kindOf(n))
		}
		return
	}
	known := fields(v.Type())
	seen := map[string]bool{}
	for _, p := range pairs {
		key, place := keyOf(p)
		if seen[key] {
			d.problem(path, place, "delete one of them", "%s stands twice", key)
			continue
		}
		seen[key] = true
		i := slices.IndexFunc(known, func(f field) bool { return f.key == key })
		if i < 0 {
			d.unknown(path, key, place, known)
			continue
		}
		d.places[path+"."+key] = valuePlace(p, place)
		d.decode(p.Value, v.Field(known[i].index), path+"."+key, depth+1)
		d.zero(p.Value, v.Field(known[i].index), path+"."+key, known[i])
	}
}

// unknown refuses a key. One that is nearly a known one took the place of it,
// so what is missing then is not missing.
func (d *document) unknown(path, key string, place *token.Position, known []field) {
	keys := make([]string, len(known))
	for i, f := range known {
		keys[i] = f.key
	}
	d.lost = d.lost || fleet.Nearest(key, keys) != ""
	d.problem(path+"."+key, place, didYouMean(key, keys), "unknown key %q", key)
}

// zero refuses a number that was written as zero where zero means that the
// setting is left out: who writes max_sites_out: 0 does not mean the default.
func (d *document) zero(n ast.Node, v reflect.Value, path string, f field) {
	if !f.optional || !v.CanInt() || v.Int() != 0 {
		return
	}
	if _, ok := scalarText(n); !ok || slices.ContainsFunc(d.problems, func(p Located) bool { return p.Path == path }) {
		return
	}
	d.problem(path, position(n), "leave it out for the default", "%s cannot be zero", f.key)
}

func (d *document) sequence(n ast.Node, v reflect.Value, path string, depth int) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, null := n.(*ast.NullNode); !null {
			d.lose(path, n, "begin each with - on a line of its own, or write [a, b]", "%s stands where a list belongs", kindOf(n))
		}
		return
	}
	out := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, item := range s.Values {
		d.decode(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
	v.Set(out)
}

// table fills a map whose keys are transports, which read themselves from text.
func (d *document) table(n ast.Node, v reflect.Value, path string, depth int) {
	pairs, ok := mappingOf(n)
	if !ok {
		d.lose(path, n, "", "%s stands where keys and values belong", kindOf(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range pairs {
		name, place := keyOf(p)
		key := reflect.New(v.Type().Key())
		t, ok := key.Interface().(encoding.TextUnmarshaler)
		if !ok {
			d.lose(path, n, "", "keys of this kind are not read")
			return
		}
		if err := t.UnmarshalText([]byte(name)); err != nil {
			d.lost = true
			d.problem(path+"."+name, place, didYouMean(name, transportWords()), "%q is no transport", name)
			continue
		}
		if v.MapIndex(key.Elem()).IsValid() {
			d.problem(path, place, "delete one of them", "%s stands twice", name)
			continue
		}
		d.places[path+"."+name] = valuePlace(p, place)
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(p.Value, value, path+"."+name, depth+1)
		v.SetMapIndex(key.Elem(), value)
	}
}

func (d *document) scalar(n ast.Node, v reflect.Value, path string) {
	s, ok := scalarText(n)
	if !ok {
		d.lose(path, n, "", "%s stands where one value belongs", kindOf(n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			d.lose(path, n, "delete it", "a control character in %q", s)
			return
		}
		v.SetString(s)
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			d.lose(path, n, "true or false", "%q is neither true nor false", s)
			return
		}
		v.SetBool(s == "true")
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(s, 10, 64)
		if _, isInt := n.(*ast.IntegerNode); err != nil || !isInt {
			d.lose(path, n, "digits, without quotes", "%q is not a whole number", s)
			return
		}
		v.SetInt(i)
	case reflect.Uint16:
		u, err := strconv.ParseUint(s, 10, 16)
		if _, isInt := n.(*ast.IntegerNode); err != nil || !isInt {
			d.lose(path, n, "a whole number from 1 to 65535, without quotes", "%q is no port", s)
			return
		}
		v.SetUint(u)
	default:
		d.lose(path, n, "", "values of kind %s are not read", v.Kind())
	}
}

// scalarText returns the text of a single value as it was written.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func mappingOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func keyOf(p *ast.MappingValueNode) (string, *token.Position) {
	if s, ok := scalarText(p.Key); ok {
		return s, position(p.Key)
	}
	return p.Key.GetToken().Value, position(p.Key)
}

// valuePlace is where a value begins; a list or mapping is shown at its key.
func valuePlace(p *ast.MappingValueNode, key *token.Position) *token.Position {
	if _, ok := scalarText(p.Value); ok {
		return position(p.Value)
	}
	return key
}

func position(n ast.Node) *token.Position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			return position(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(m.Key)
	}
	if t := n.GetToken(); t != nil {
		return t.Position
	}
	return nil
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	}
	return "a single value"
}
