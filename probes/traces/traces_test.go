package traces_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

var update = flag.Bool("update", false, "write the tables of docs/verdicts.md anew")

// outcome sums up the runs of one trace.
type outcome struct {
	right, late, missing, wrong int
	allowed                     int
	after                       []time.Duration // from the fault to the verdict
	runs, common, tenant        int
}

// play runs a trace once. The fault begins at another moment of the interval in
// each run.
func play(t *testing.T, tr trace, run int, o *outcome) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(uint64(run)*7919+1, tr.tenants...)
		w.start(t, usual)
		shift := time.Duration(run) * 1700 * time.Millisecond
		begin, faults := time.Now(), map[string]time.Duration{}
		for _, s := range tr.steps {
			time.Sleep(time.Until(begin.Add(s.at + shift)))
			w.change(s)
			if _, known := faults[string(s.site)]; !known {
				faults[string(s.site)] = s.at + shift
			}
		}
		time.Sleep(time.Until(begin.Add(tr.run + shift)))
		w.mu.Lock()
		defer w.mu.Unlock()
		o.judge(tr, w.downs, faults)
		if w.common {
			o.common++
		}
		if tr.tenant != "" && slices.ContainsFunc(w.all(), func(v health.Verdict) bool {
			return v.Status == health.Up && v.Cause == health.CauseTenant && strings.HasPrefix(v.Detail, "tenant register:"+tr.tenant+" ")
		}) {
			o.tenant++
		}
		o.runs++
	})
}

// judge compares the first verdict of down of each check with what is expected.
func (o *outcome) judge(tr trace, downs map[health.Check]time.Duration, faults map[string]time.Duration) {
	for _, c := range append(allChecks(), tenantChecks(tr.tenants)...) {
		limit, expected := tr.expect[c]
		at, down := downs[c]
		after := at - faults[string(c.Site)]
		switch {
		case !expected && down && c.Site == tr.allowed:
			o.allowed++
		case !expected && down:
			o.wrong++
		case !expected:
		case !down:
			o.missing++
		case after < 0:
			o.wrong++
		case after > limit:
			o.late++
			o.after = append(o.after, after)
		default:
			o.right++
			o.after = append(o.after, after)
		}
	}
}

func (o *outcome) row(tr trace) string {
	times := "–"
	if len(o.after) > 0 {
		slices.Sort(o.after)
		times = fmt.Sprintf("%s / %s", o.after[len(o.after)/2].Round(100*time.Millisecond), o.after[len(o.after)-1].Round(100*time.Millisecond))
	}
	common := "no"
	if o.common == o.runs {
		common = "yes"
	} else if o.common > 0 {
		common = "sometimes"
	}
	allowed := "–"
	if tr.allowed != "" {
		allowed = "yes"
	}
	right := "–"
	if n := len(tr.expect); n > 0 {
		right = fmt.Sprintf("%d of %d", o.right/o.runs, n)
	}
	return fmt.Sprintf("| `%s` | %s | %d | %d | %d | %s | %s | %s |", tr.name, right, o.late, o.missing, o.wrong, allowed, common, times)
}

// TestTraces plays every trace, and holds the table of docs/verdicts.md. What it counts does not depend on
// the number of runs, as long as all is right.
func TestTraces(t *testing.T) {
	rows := map[string]string{}
	for _, tr := range readTraces(t) {
		t.Run(tr.name, func(t *testing.T) {
			var o outcome
			for run := range runs {
				play(t, tr, run, &o)
			}
			rows[tr.name] = o.row(tr)
			t.Log(rows[tr.name])
			if o.late+o.missing+o.wrong > 0 {
				t.Errorf("%s: %d right, %d late, %d missing, %d wrong", tr.about, o.right, o.late, o.missing, o.wrong)
			}
			if want := map[bool]int{true: o.runs}[tr.common]; o.common != want {
				t.Errorf("named a common cause in %d of %d runs, want %d", o.common, o.runs, want)
			}
			if want := map[bool]int{true: o.runs}[tr.tenant != ""]; o.tenant != want {
				t.Errorf("named tenant %s in %d of %d runs, want %d", tr.tenant, o.tenant, o.runs, want)
			}
			if len(tr.expect)*runs != o.right+o.late+o.missing {
				t.Errorf("%d verdicts expected, %d judged", len(tr.expect)*runs, o.right+o.late+o.missing)
			}
		})
	}
	if t.Failed() {
		return
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		lines = append(lines, rows[name])
	}
	holdTable(t, "traces", lines)
}

const doc = "../../docs/verdicts.md"

// holdTable compares the rows between two marks of the document with the ones
// that were found. The last column holds times, which may differ a little
// where goroutines run in another order.
func holdTable(t *testing.T, mark string, rows []string) {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	open, shut := "<!-- "+mark+" -->\n", "<!-- end of "+mark+" -->"
	head, rest, ok := strings.Cut(string(text), open)
	table, tail, ok2 := strings.Cut(rest, shut)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", doc, open, shut)
	}
	have := strings.Split(strings.TrimSpace(table), "\n")
	title := have[:min(2, len(have))]
	if *update {
		text := head + open + strings.Join(append(slices.Clone(title), rows...), "\n") + "\n" + shut + tail
		if err := os.WriteFile(doc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(have)-2 != len(rows) {
		t.Fatalf("%s: %d rows, want %d (go test ./probes/traces -update)", doc, len(have)-2, len(rows))
	}
	for i, row := range rows {
		if counts(have[i+2]) != counts(row) {
			t.Errorf("%s says\n%s\nfound\n%s\n(go test ./probes/traces -update)", doc, have[i+2], row)
		}
	}
}

func counts(row string) string {
	cells := strings.Split(strings.Trim(row, "| "), "|")
	return strings.Join(cells[:len(cells)-1], "|")
}

// sleep moves virtual time.
func sleep(d time.Duration) { time.Sleep(d) }
