package logging

import (
	"log/slog"

	"github.com/rs/zerolog"
)

// Slog returns a structured logger of the standard library that writes to l.
//
// Do not combine With and WithGroup on it: an attribute added before a group
// is printed inside the group.
func Slog(l zerolog.Logger) *slog.Logger {
	return slog.New(zerolog.NewSlogHandler(l))
}
