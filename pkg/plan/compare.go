package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Comparison is what differs between two States.
type Comparison struct {
	From    uint64         `json:"from"` // epochs
	To      uint64         `json:"to"`
	Fleet   []Setting      `json:"fleet"`   // of the fleet file
	Intents []Setting      `json:"intents"` // drains, removals, returns, holds
	Records []RecordChange `json:"records"`
	Gates   []GateChange   `json:"gates"`
}

// Setting is one value before and after; "" is none.
type Setting struct {
	Path   string `json:"path"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Compare says what differs. Both States must have a fleet.
func Compare(before, after steer.State) (Comparison, error) {
	c := Comparison{
		From: before.Epoch, To: after.Epoch, Intents: settingsOf(intents(before), intents(after)),
		Records: diff(steer.Records(before), steer.Records(after)), Gates: gateDiff(before, after),
	}
	var err error
	c.Fleet, err = fleetDiff(before.Fleet, after.Fleet)
	return c, err
}

// fleetDiff lists what differs between two fleet files.
func fleetDiff(before, after *fleet.Fleet) ([]Setting, error) {
	b, err := flat(before)
	if err != nil {
		return nil, err
	}
	a, err := flat(after)
	if err != nil {
		return nil, err
	}
	return settingsOf(b, a), nil
}

// intents lists what people want and what is out, each under a name.
func intents(s steer.State) map[string]string {
	out := map[string]string{}
	for _, d := range s.Drains {
		out["drain "+d.Scope()] = fmt.Sprintf("%s, by %s: %s", d.Stage, d.Owner, d.Reason)
	}
	for _, o := range s.Outs {
		out["out "+o.String()+who(o.Cohort)] = fmt.Sprintf("by %s: %s; %s", o.By, o.Reason, o.Lasts())
	}
	for _, f := range s.Failbacks {
		name := "failback "
		if s.ReturnBefore(&f) != nil {
			name = "next failback "
		}
		out[name+string(f.Site)+who(f.Cohort)] = fmt.Sprintf("step %d, by %s: %s", f.Step, f.Owner, f.Reason)
	}
	for _, h := range s.Holds {
		out["hold "+string(h.Service)] = fmt.Sprintf("by %s: %s", h.Owner, h.Reason)
	}
	return out
}

func who(c fleet.Cohort) string {
	if c.IsZero() {
		return ""
	}
	return " for " + c.Words()
}

// settingsOf pairs what both have, in the order of the names.
func settingsOf(before, after map[string]string) []Setting {
	var out []Setting
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if a := after[path]; a != before[path] {
			out = append(out, Setting{path, before[path], a})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		if _, both := before[path]; !both {
			out = append(out, Setting{path, "", after[path]})
		}
	}
	slices.SortStableFunc(out, func(a, b Setting) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// flat turns a fleet into paths and values. Members of a list are known by
// their name, where they have one.
func flat(f *fleet.Fleet) (map[string]string, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode fleet: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode fleet: %w", err)
	}
	out := map[string]string{}
	flatten(out, "", v)
	return out, nil
}

func flatten(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			flatten(out, strings.TrimPrefix(path+"."+k, "."), v[k])
		}
	case []any:
		if words, ok := plain(v); ok {
			out[path] = words
			return
		}
		for i, e := range v {
			name := fmt.Sprint(i)
			if m, ok := e.(map[string]any); ok && m["name"] != nil {
				name = fmt.Sprint(m["name"])
			}
			flatten(out, path+"["+name+"]", e)
		}
	case nil:
	default:
		out[path] = fmt.Sprint(v)
	}
}

// plain joins a list of words or numbers.
func plain(list []any) (string, bool) {
	words := make([]string, len(list))
	for i, e := range list {
		switch e.(type) {
		case map[string]any, []any:
			return "", false
		}
		words[i] = fmt.Sprint(e)
	}
	return strings.Join(words, ", "), true
}

func writeSettings(w io.Writer, title string, list []Setting) {
	if len(list) > 0 {
		fmt.Fprintf(w, "\n%s:\n", title)
	}
	for _, s := range list {
		if s.Before != "" {
			fmt.Fprintf(w, "  - %s: %s\n", s.Path, s.Before)
		}
		if s.After != "" {
			fmt.Fprintf(w, "  + %s: %s\n", s.Path, s.After)
		}
	}
}

// Write prints the comparison for people.
func (c Comparison) Write(w io.Writer) {
	fmt.Fprintf(w, "from epoch %d to epoch %d\n", c.From, c.To)
	if len(c.Fleet)+len(c.Intents)+len(c.Records)+len(c.Gates) == 0 {
		fmt.Fprintln(w, "\nno difference")
		return
	}
	for _, part := range []struct {
		title string
		list  []Setting
	}{{"fleet file", c.Fleet}, {"intents", c.Intents}} {
		writeSettings(w, part.title, part.list)
	}
	writeGates(w, "gates", c.Gates)
	Plan{Records: c.Records}.writeRecords(w, "records")
}
