// Package tcp asks whether a TCP port takes connections and, if it should say
// something first, whether it says that. It speaks no protocol.
package tcp

import (
	"bytes"
	"context"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Prober connects.
type Prober struct{}

// New returns a prober.
func New() *Prober { return &Prober{} }

// maxGreeting bounds what is read of a greeting.
const maxGreeting = 16 << 10

// Probe implements probes.Prober. With Question.Contains it reads until the
// text has come; CauseContent means that the listener ended without it.
func (p *Prober) Probe(ctx context.Context, spec probes.Spec) probes.Result {
	start := time.Now()
	conn, fault := wire.Dial(ctx, wire.Peer{Transport: fleet.TCP, Address: spec.Address})
	if fault != nil {
		return probes.Failed(fault.Cause, fault.Detail)
	}
	defer conn.Close()
	if spec.Question.Contains == "" {
		return probes.Succeeded(time.Since(start), "connected")
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var said []byte
	buf := make([]byte, 2048)
	for len(said) < maxGreeting {
		n, err := conn.Read(buf)
		said = append(said, buf[:n]...)
		if bytes.Contains(said, []byte(spec.Question.Contains)) {
			return probes.Succeeded(time.Since(start), "says what it should")
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return probes.Failed(health.CauseTimeout, "connected, but it did not say what it should in time: "+wire.Clean(string(said)))
		case err != nil && len(said) == 0:
			fault := wire.Classify("wait for the greeting", err)
			return probes.Failed(fault.Cause, fault.Detail)
		case err != nil:
			return probes.Failed(health.CauseContent, "it said something else: "+wire.Clean(string(said)))
		}
	}
	return probes.Failed(health.CauseContent, "it talks without saying what it should: "+wire.Clean(string(said)))
}
