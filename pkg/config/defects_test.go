package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sipsteer/sipsteer/pkg/config"
)

// parsers read each kind of file.
var parsers = map[string]func(name string, data []byte) error{
	"fleet":  func(name string, data []byte) error { _, err := config.ParseFleet(name, data); return err },
	"agent":  func(name string, data []byte) error { _, err := config.ParseAgent(name, data); return err },
	"client": func(name string, data []byte) error { _, err := config.ParseClient(name, data); return err },
}

// TestDefects reads the files in testdata, each with the defect that it is
// named for, and compares what is said of it with the file .err beside it.
func TestDefects(t *testing.T) {
	for kind, parse := range parsers {
		files, err := filepath.Glob(filepath.Join("testdata", kind, "*.yaml"))
		if err != nil || len(files) < 5 {
			t.Fatalf("files: %v %v", files, err)
		}
		for _, file := range files {
			t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) {
				data := read(t, file)
				err := parse(filepath.Base(file), data)
				if err == nil {
					t.Fatal("it is taken for good")
				}
				wellFormed(t, err, data)
				golden(t, strings.TrimSuffix(file, ".yaml")+".err", []byte(err.Error()+"\n"))
			})
		}
	}
}

// TestGoodFiles: the defects above are the only ones in their files.
func TestGoodFiles(t *testing.T) {
	for kind, parse := range parsers {
		if err := parse(kind, read(t, filepath.Join("testdata", kind+"-good.yaml"))); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestText reads one file in many outer forms.
func TestText(t *testing.T) {
	good := string(read(t, filepath.Join("testdata", "fleet-good.yaml")))
	crlf := strings.ReplaceAll(good, "\n", "\r\n")
	tests := []struct{ name, text, want string }{
		{"byte order mark", "\ufeff" + good, ""},
		{"line ends of Windows", crlf, ""},
		{"line ends of Windows and a defect", strings.Replace(crlf, "[calgary, ottawa]", "[calgary, otawa]", 1), "f:22:22: no site is called \"otawa\""},
		{"byte order mark and a defect", "\ufeffformat: 1\nzonne: x\n", "f:2:1: unknown key"},
		{"document markers", "---\n" + good, ""},
		{"empty", "", "f: the file is empty"},
		{"white space", " \n\n", "f: the file is empty"},
		{"not UTF-8", strings.Replace(good, "voice", "v\xff", 1), "f:2:8: the line is not UTF-8"},
		{"UTF-16", "\xff\xfef\x00o\x00", "f:1:1: the line is not UTF-8"},
		{"an octet of zero", strings.Replace(good, "voice", "vo\x00ice", 1), `f:2:9: a control character '\x00'`},
		{"line ends of old Macs", strings.ReplaceAll(good, "\n", "\r"), `f:1:10: a control character '\r'`},
		{"an escape in a quoted value", strings.Replace(good, "zone: voice.example.net", `zone: "\x1bvoice.example.net"`, 1), "f:2:7: a control character"},
		{"too deep", "zone: " + strings.Repeat("[", 100000), "nested more than 32 deep"},
		{"too deep in lists", strings.Repeat("- ", 100000), "nested more than 32 deep"},
		{"commas", "zone: [" + strings.Repeat(",", 100000), "a comma after a comma"},
		{"too many keys", strings.Repeat("zonne: x\n", 100000), "more than 200 keys"},
		{"too large", strings.Repeat("#\n", 2<<20+1), "is larger than 4 MiB"},
		{"a hundred thousand defects", "format: 1\nsites: [" + strings.Repeat("x,", 100000) + "]", "and 99950 more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.ParseFleet("f", []byte(tt.text))
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) { //nolint:errorlint // the text is what is tested
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil {
				wellFormed(t, err, []byte(tt.text))
			}
		})
	}
}

// wellFormed holds what every error promises: a file, a place inside it or
// none, no control characters, and a mark under the place.
func wellFormed(t *testing.T, err error, data []byte) {
	t.Helper()
	var e *config.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *config.Error: %v", err, err)
	}
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n"), "\n")
	if len(e.Problems()) == 0 {
		t.Error("an error without a problem")
	}
	for _, p := range e.Problems() {
		if p.File == "" || p.Message == "" {
			t.Errorf("no file or no message: %+v", p)
		}
		for _, text := range []string{p.Message, p.Hint, p.Snippet, p.Path} {
			if strings.ContainsAny(text, "\x1b\x00\r\n") || !utf8.ValidString(text) {
				t.Errorf("%q would harm a terminal", text)
			}
		}
		if p.Line == 0 {
			continue
		}
		if p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+1 {
			t.Errorf("%d:%d is outside the file of %d lines", p.Line, p.Column, len(lines))
		}
		if p.Mark < 1 || p.Mark > utf8.RuneCountInString(p.Snippet)+1 {
			t.Errorf("mark %d is outside of %q", p.Mark, p.Snippet)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
