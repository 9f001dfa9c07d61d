// Package logging makes the process's logger and lends it to libraries that
// ask for another kind: hclog for hashicorp/raft, slog for sipgo. It holds no
// logger of its own; every user is given one.
package logging

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Formats of the log's lines.
const (
	// JSON is one object a line, for collectors.
	JSON = "json"
	// Console is for people: time, level, message, then fields. Without
	// colour, so that a piped or stored log holds no escape sequences.
	Console = "console"
)

// New returns a logger that writes lines of the format ("json" or "console")
// at and above the level ("trace", "debug", "info", "warn", "error") to w.
//
// Both formats escape control characters in values, so text that came from a
// peer cannot forge a line or reach a terminal as a command.
func New(w io.Writer, format, level string) (zerolog.Logger, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), fmt.Errorf("unknown log level %q (one of trace, debug, info, warn, error)", level)
	}
	switch format {
	case JSON:
	case Console:
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: stampFormat}
	default:
		return zerolog.Nop(), fmt.Errorf("unknown log format %q (one of json, console)", format)
	}
	return zerolog.New(w).Level(l).Hook(stamp{}), nil
}

// stampFormat has milliseconds: what happens inside one second matters here.
const stampFormat = "2006-01-02T15:04:05.000Z07:00"

// stamp gives each line its time. zerolog's own stamp has whole seconds, and its
// format is one variable of the process.
type stamp struct{}

// Run implements zerolog.Hook.
func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format(stampFormat))
}
