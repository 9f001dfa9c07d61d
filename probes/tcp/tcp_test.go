package tcp_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/tcp"
)

// server says what it is told to each client and then holds or closes.
func server(t *testing.T, says string, holds bool) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(says))
			if holds {
				_, _ = c.Read(make([]byte, 1)) // until the client leaves
			}
			c.Close()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

func TestConnectionAndGreeting(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().(*net.TCPAddr).AddrPort()
	free.Close()
	for _, tt := range []struct {
		name, contains string
		addr           netip.AddrPort
		cause          health.Cause
	}{
		{"connects", "", server(t, "", true), ""},
		{"nobody", "", nobody, health.CauseRefused},
		{"greets", "auth/request", server(t, "Content-Type: auth/request\n\n", true), ""},
		{"greets otherwise", "auth/request", server(t, "go away\x1b[2J\n", false), health.CauseContent},
		{"says nothing", "auth/request", server(t, "", true), health.CauseTimeout},
		{"says nothing and leaves", "auth/request", server(t, "", false), health.CauseReset},
		{"talks without end", "auth/request", server(t, strings.Repeat("x", 1<<20), true), health.CauseContent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limit := 20 * time.Second
			if tt.cause == health.CauseTimeout {
				limit = 500 * time.Millisecond // runs into it
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got := tcp.New().Probe(ctx, probes.Spec{Address: tt.addr, Question: probes.Question{Contains: tt.contains}})
			if got.Cause != tt.cause || strings.ContainsRune(got.Detail, '\x1b') {
				t.Errorf("%+v, want cause %q", got, tt.cause)
			}
		})
	}
}
