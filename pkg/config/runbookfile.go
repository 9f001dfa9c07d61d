package config

import (
	"os"

	"github.com/sipsteer/sipsteer/pkg/runbook"
)

// LoadRunbook reads a runbook file and returns its text too, which is what an
// agent is given. The error is an *Error with everything that is wrong.
func LoadRunbook(path string) (*runbook.Book, []byte, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	b, err := ParseRunbook(path, text)
	return b, text, err
}

// ParseRunbook reads the text of a runbook; name stands for the file.
func ParseRunbook(name string, text []byte) (*runbook.Book, error) {
	var b runbook.Book
	if err := Parse(name, text, &b, b.Validate); err != nil {
		return nil, err
	}
	return &b, nil
}

// BuiltinRunbook returns one that comes with the program. The error is
// os.ErrNotExist when there is none of that name.
func BuiltinRunbook(name string) (*runbook.Book, []byte, error) {
	text, ok := runbook.BuiltinText(name)
	if !ok {
		return nil, nil, os.ErrNotExist
	}
	b, err := ParseRunbook("builtin/"+name+".yaml", text)
	return b, text, err
}
