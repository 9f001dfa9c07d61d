package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

func TestNewRefusesUnknownWords(t *testing.T) {
	for _, tc := range []struct{ format, level, want string }{
		{"json", "loud", `unknown log level "loud"`},
		{"json", "", `unknown log level ""`},
		{"xml", "info", `unknown log format "xml"`},
	} {
		if _, err := New(&bytes.Buffer{}, tc.format, tc.level); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("New(%q, %q) = %v, want %q", tc.format, tc.level, err, tc.want)
		}
	}
}

func TestPeerTextCannotForgeALine(t *testing.T) {
	for _, format := range []string{JSON, Console} {
		var out bytes.Buffer
		l, err := New(&out, format, "info")
		if err != nil {
			t.Fatal(err)
		}
		l.Info().Str("peer", "x\n2026 INF forged\x1b[2J\r").Msg("heard")
		if n := strings.Count(out.String(), "\n"); n != 1 {
			t.Errorf("%s: %d lines: %q", format, n, out.String())
		}
		if strings.ContainsAny(out.String(), "\x1b\r") {
			t.Errorf("%s: raw control character: %q", format, out.String())
		}
	}
}

func record(t *testing.T, level zerolog.Level, f func(hclog.Logger)) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	f(HCLog(zerolog.New(&out).Level(level)))
	var lines []map[string]any
	for dec := json.NewDecoder(&out); dec.More(); {
		var m map[string]any
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	return lines
}

func TestHCLogFields(t *testing.T) {
	lines := record(t, zerolog.InfoLevel, func(h hclog.Logger) {
		h = h.Named("raft").Named("net").With("agent", "calgary")
		h.Warn("lost", "index", uint64(7), "error", errors.New("broken"), "peers", hclog.Fmt("%d of %d", 1, 3))
		h.Debug("not shown")
		h.Info("odd", "alone")
		if h.IsDebug() || !h.IsInfo() || h.Name() != "raft.net" || len(h.ImpliedArgs()) != 2 {
			t.Error("level, name or implied arguments are wrong")
		}
		h.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Error}).Print("from log")
	})
	if len(lines) != 3 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	want := map[string]any{
		"level": "warn", "module": "raft.net", "agent": "calgary", "index": 7.0,
		"err": "broken", "peers": "1 of 3", "message": "lost",
	}
	for k, v := range want {
		if lines[0][k] != v {
			t.Errorf("%s = %v, want %v", k, lines[0][k], v)
		}
	}
	if lines[1][hclog.MissingKey] != "alone" {
		t.Errorf("a value without a key was lost: %v", lines[1])
	}
	if lines[2]["level"] != "error" || lines[2]["message"] != "from log" {
		t.Errorf("standard logger: %v", lines[2])
	}
}

func TestHCLogDemotesRepeatedLines(t *testing.T) {
	lines := record(t, zerolog.InfoLevel, func(h hclog.Logger) {
		h.Error("failed to heartbeat to", "peer", "b")
		h.Error("failed to commit logs")
	})
	if len(lines) != 1 || lines[0]["message"] != "failed to commit logs" {
		t.Errorf("got %v", lines)
	}
}

func TestHCLogLevelIsShared(t *testing.T) {
	lines := record(t, zerolog.DebugLevel, func(h hclog.Logger) {
		child := h.With("a", 1)
		h.SetLevel(hclog.Error)
		child.Warn("hidden")
		child.Error("shown")
	})
	if len(lines) != 1 || lines[0]["message"] != "shown" {
		t.Errorf("got %v", lines)
	}
}

func TestSlog(t *testing.T) {
	var out bytes.Buffer
	Slog(zerolog.New(&out)).With("agent", "ottawa").Warn("slow", "took", "2s")
	for _, want := range []string{`"level":"warn"`, `"agent":"ottawa"`, `"took":"2s"`, `"message":"slow"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s lacks %s", out.String(), want)
		}
	}
}
