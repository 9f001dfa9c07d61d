package runbook

import (
	"embed"
	"slices"
	"strings"
)

//go:embed builtin/*.yaml
var files embed.FS

// Builtin lists the names of the runbooks that come with the program.
func Builtin() []string {
	entries, err := files.ReadDir("builtin")
	if err != nil {
		return nil // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// BuiltinText returns the file of one of them.
func BuiltinText(name string) ([]byte, bool) {
	text, err := files.ReadFile("builtin/" + name + ".yaml")
	return text, err == nil
}
