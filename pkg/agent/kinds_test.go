package agent

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// ofTheLeader are the kinds of commands that no person sends.
var ofTheLeader = []steer.Kind{
	steer.KindVerdicts, steer.KindWithdraw, steer.KindAdvise, steer.KindDrainStage, steer.KindDrainExpire, steer.KindHoldExpire, steer.KindOutExpire,
	steer.KindFailbackStep, steer.KindFailbackAbort, steer.KindUnblock, steer.KindQuarantineExpire, steer.KindGateWord, steer.KindFloods, steer.KindKeyStep,
	steer.KindSilenceExpire, steer.KindNotified, steer.KindLook, steer.KindRunMove,
}

// TestEveryCommandOfAPersonIsTaken: a kind that the core knows and the API does
// not is a command that nobody can give.
func TestEveryCommandOfAPersonIsTaken(t *testing.T) {
	field, _ := reflect.TypeFor[api.CommandRequest]().FieldByName("Kind")
	taken := strings.Split(field.Tag.Get("enum"), ",")
	kinds := kindsOfTheCore(t)
	if len(kinds) < 30 {
		t.Fatalf("found %d kinds of commands", len(kinds))
	}
	for _, k := range kinds {
		if slices.Contains(taken, string(k)) == slices.Contains(ofTheLeader, k) {
			t.Errorf("%s: the API takes it: %v; of the leader: %v", k, slices.Contains(taken, string(k)), slices.Contains(ofTheLeader, k))
		}
	}
}

// kindsOfTheCore reads the constants of type steer.Kind.
func kindsOfTheCore(t *testing.T) (kinds []steer.Kind) {
	file, err := parser.ParseFile(token.NewFileSet(), "../steer/command.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		typ, named := v.Type.(*ast.Ident)
		text, lit := v.Values[0].(*ast.BasicLit)
		if named && lit && typ.Name == "Kind" {
			s, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, steer.Kind(s))
		}
		return true
	})
	return kinds
}
