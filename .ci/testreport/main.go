// Command testreport reads the JSON of go test from standard input, prints a
// line for each package and the output of what failed, and closes with the
// slowest tests and with every skipped one and its reason, so that nothing goes
// untested in silence. It exits 1 when a test failed, did not build, or none ran.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// event is one line of go test -json (see go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type report struct {
	output                  map[string][]string // by package and test, until it ended
	passed, failed, skipped int
	skips, failures         []string
	slow                    []event
	broken                  bool
}

func main() {
	r := report{output: map[string][]string{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text()) // what the toolchain says outside the protocol
			continue
		}
		r.take(e)
	}
	os.Exit(r.close())
}

func (r *report) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "build-output":
		fmt.Print(e.Output)
	case "build-fail":
		r.broken = true
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.pkg(e)
		} else {
			r.test(e, key)
		}
		delete(r.output, key)
	}
}

func (r *report) pkg(e event) {
	word := map[string]string{"pass": "ok  ", "fail": "FAIL", "skip": "none"}[e.Action]
	fmt.Printf("%s %s %.1fs\n", word, e.Package, e.Elapsed)
	if e.Action == "fail" {
		r.broken = true
		fmt.Print(strings.Join(r.output[e.Package+" "], ""))
	}
}

// slowest is how many tests are named at the end, for who wants the whole to be
// quicker.
const slowest = 15

func (r *report) test(e event, key string) {
	if !strings.Contains(e.Test, "/") {
		r.slow = append(r.slow, e)
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(r.output[key])))
	case "fail":
		r.failed++
		r.failures = append(r.failures, e.Package+" "+e.Test)
		fmt.Printf("--- FAIL %s %s\n%s", e.Package, e.Test, strings.Join(r.output[key], ""))
	}
}

// reason finds what the test said before it skipped.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}

func (r *report) close() int {
	slices.SortStableFunc(r.slow, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	fmt.Println("\nslowest tests:")
	for _, e := range r.slow[:min(len(r.slow), slowest)] {
		fmt.Printf("%7.1fs %s %s\n", e.Elapsed, e.Package, e.Test)
	}
	if len(r.skips) > 0 {
		fmt.Println("\nNOT TESTED (skipped):")
		for _, s := range r.skips {
			fmt.Println("  " + s)
		}
	}
	if len(r.failures) > 0 {
		fmt.Println("\nFAILED:\n  " + strings.Join(r.failures, "\n  "))
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 || r.broken || r.passed == 0 {
		return 1
	}
	return 0
}
