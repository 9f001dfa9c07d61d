package probes_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
)

// TestNoHerdAfterAStart: an agent that starts, or gets another fleet file, asks no
// more at a time than it does later.
func TestNoHerdAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var checks []health.Check
		for i := range 50 {
			checks = append(checks, checksOf(fmt.Sprintf("site%d", i))[:4]...)
		}
		begin := time.Now()
		running(t, labConfig(w), checks)
		time.Sleep(3 * time.Second)
		slots := make([]int, 61) // of 50 ms
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range checks {
			if len(w.asked[c]) == 0 {
				t.Errorf("%s was not asked", c)
			}
			for _, at := range w.asked[c] {
				slots[at.Sub(begin)/(50*time.Millisecond)]++
			}
		}
		// 200 checks a second are 10 in each slot; while the first round ends the
		// second one begins.
		if most := slices.Max(slots); most > 30 {
			t.Errorf("%d at a time: %v", most, slots)
		}
	})
}

// wallClock are methods of a time.Time that leave its monotonic reading out, or look
// at the wall clock alone.
var wallClock = []string{"UTC", "Local", "In", "Truncate", "AddDate", "Date", "Clock", "Unix", "UnixMilli", "UnixMicro", "UnixNano"}

// TestTheScheduleKnowsNoWallClock: a clock that is set, by hours or for a leap second,
// does no harm, since Go's times keep a monotonic reading beside that of the wall.
// That holds as long as the schedule does not take it away.
func TestTheScheduleKnowsNoWallClock(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set, looked := token.NewFileSet(), 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, f.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		looked++
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			zero := false // Round(0) takes the monotonic reading away
			if len(call.Args) == 1 {
				number, is := call.Args[0].(*ast.BasicLit)
				zero = is && number.Value == "0"
			}
			if slices.Contains(wallClock, method.Sel.Name) || method.Sel.Name == "Round" && zero {
				t.Errorf("%s: %s", set.Position(call.Pos()), method.Sel.Name)
			}
			return true
		})
	}
	if looked < 10 {
		t.Errorf("%d files were looked at", looked)
	}
}
