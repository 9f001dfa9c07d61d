package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/web"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// plainJSON reads any JSON over HTTP. A metric is the way to it:
// nodes[0].calls.active. True is 1, false 0.
func plainJSON(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault) {
	page, fault := ask(ctx, spec, web.Question{Accept: "application/json"}, "/")
	if fault != nil {
		return nil, fault
	}
	d := json.NewDecoder(bytes.NewReader(page))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		return nil, odd("not JSON: %v", err)
	}
	out := map[string]float64{}
	for _, m := range metrics {
		switch v := walk(root, m).(type) {
		case nil:
		case json.Number:
			f, err := v.Float64()
			if err != nil {
				return nil, odd("%s: %q is no number", m, v.String())
			}
			out[m] = f
		case string:
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return nil, odd("%s: %q is no number", m, v)
			}
			out[m] = f
		case bool:
			out[m] = 0
			if v {
				out[m] = 1
			}
		default:
			return nil, odd("%s is no number, but holds more", m)
		}
	}
	return out, nil
}

// walk follows a path through objects and lists; nil when it leads nowhere.
func walk(at any, path string) any {
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}
