package api

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaName names a type in the API's description. A type of another package
// carries that package's name (SteerEvent), so that no two meet.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	pkg := path.Base(t.PkgPath())
	if t.PkgPath() == "" || t.PkgPath() == reflect.TypeFor[Status]().PkgPath() {
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}
