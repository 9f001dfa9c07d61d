package logging

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// HCLog returns an hclog.Logger, as hashicorp/raft wants it, that writes to l.
//
// The alternating key, value arguments become fields. A name becomes the field
// "module". Some lines of raft come at another level than raft gives them; see
// relevel.
func HCLog(l zerolog.Logger) hclog.Logger {
	h := &hcLogger{out: l, level: new(atomic.Int32)}
	h.level.Store(int32(hclogLevel(l.GetLevel())))
	return h
}

// hcLogger implements hclog.Logger. The level is shared with every logger made
// from it, as hclog's own does.
type hcLogger struct {
	out     zerolog.Logger
	level   *atomic.Int32
	name    string
	implied []any
}

var _ hclog.Logger = (*hcLogger)(nil)

// Log implements hclog.Logger.
func (h *hcLogger) Log(level hclog.Level, msg string, args ...any) {
	if level == hclog.Off {
		return
	}
	level = relevel(level, msg)
	if level < h.GetLevel() {
		return
	}
	event := h.out.WithLevel(zerologLevel(level))
	if h.name != "" {
		event = event.Str("module", h.name)
	}
	event = addFields(event, h.implied)
	addFields(event, args).Msg(msg)
}

// addFields adds key, value pairs. A value without a key, which hclog calls a
// mistake of the caller, is kept under its own name rather than dropped.
func addFields(event *zerolog.Event, args []any) *zerolog.Event {
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return event.Interface(hclog.MissingKey, plain(args[i]))
		}
		key, ok := args[i].(string)
		if !ok {
			key = fmt.Sprint(args[i])
		}
		if err, ok := args[i+1].(error); ok && key == "error" {
			event = event.AnErr("err", err)
			continue
		}
		event = event.Interface(key, plain(args[i+1]))
	}
	return event
}

// plain turns hclog's own value types, and whatever knows how to print itself,
// into something that a JSON encoder shows well.
func plain(v any) any {
	switch v := v.(type) {
	case hclog.Format:
		if len(v) == 0 {
			return ""
		}
		if f, ok := v[0].(string); ok {
			return fmt.Sprintf(f, v[1:]...)
		}
		return fmt.Sprint(v...)
	case hclog.Hex:
		return fmt.Sprintf("%#x", int(v))
	case hclog.Octal:
		return fmt.Sprintf("%#o", int(v))
	case hclog.Binary:
		return fmt.Sprintf("%#b", int(v))
	case hclog.Quote:
		return string(v)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return v
}

// Trace implements hclog.Logger.
func (h *hcLogger) Trace(msg string, args ...any) { h.Log(hclog.Trace, msg, args...) }

// Debug implements hclog.Logger.
func (h *hcLogger) Debug(msg string, args ...any) { h.Log(hclog.Debug, msg, args...) }

// Info implements hclog.Logger.
func (h *hcLogger) Info(msg string, args ...any) { h.Log(hclog.Info, msg, args...) }

// Warn implements hclog.Logger.
func (h *hcLogger) Warn(msg string, args ...any) { h.Log(hclog.Warn, msg, args...) }

// Error implements hclog.Logger.
func (h *hcLogger) Error(msg string, args ...any) { h.Log(hclog.Error, msg, args...) }

// IsTrace implements hclog.Logger.
func (h *hcLogger) IsTrace() bool { return h.GetLevel() <= hclog.Trace }

// IsDebug implements hclog.Logger.
func (h *hcLogger) IsDebug() bool { return h.GetLevel() <= hclog.Debug }

// IsInfo implements hclog.Logger.
func (h *hcLogger) IsInfo() bool { return h.GetLevel() <= hclog.Info }

// IsWarn implements hclog.Logger.
func (h *hcLogger) IsWarn() bool { return h.GetLevel() <= hclog.Warn }

// IsError implements hclog.Logger.
func (h *hcLogger) IsError() bool { return h.GetLevel() <= hclog.Error }

// ImpliedArgs implements hclog.Logger.
func (h *hcLogger) ImpliedArgs() []any { return h.implied }

// With implements hclog.Logger.
func (h *hcLogger) With(args ...any) hclog.Logger {
	c := *h
	c.implied = slices.Concat(h.implied, args)
	return &c
}

// Name implements hclog.Logger.
func (h *hcLogger) Name() string { return h.name }

// Named implements hclog.Logger.
func (h *hcLogger) Named(name string) hclog.Logger {
	if h.name != "" {
		name = h.name + "." + name
	}
	return h.ResetNamed(name)
}

// ResetNamed implements hclog.Logger.
func (h *hcLogger) ResetNamed(name string) hclog.Logger {
	c := *h
	c.name = name
	return &c
}

// SetLevel implements hclog.Logger. It cannot go below the level of the logger
// underneath.
func (h *hcLogger) SetLevel(level hclog.Level) { h.level.Store(int32(level)) }

// GetLevel implements hclog.Logger.
func (h *hcLogger) GetLevel() hclog.Level { return hclog.Level(h.level.Load()) }

// StandardLogger implements hclog.Logger.
func (h *hcLogger) StandardLogger(opts *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(h.StandardWriter(opts), "", 0)
}

// StandardWriter implements hclog.Logger. Each write is one line at level info,
// or at the forced level of the options.
func (h *hcLogger) StandardWriter(opts *hclog.StandardLoggerOptions) io.Writer {
	level := hclog.Info
	if opts != nil && opts.ForceLevel != hclog.NoLevel {
		level = opts.ForceLevel
	}
	return &lineWriter{to: h, level: level}
}

// lineWriter logs what is written to it.
type lineWriter struct {
	to    *hcLogger
	level hclog.Level
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.to.Log(w.level, string(bytes.TrimRight(p, "\r\n")))
	return len(p), nil
}
