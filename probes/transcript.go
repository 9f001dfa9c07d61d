package probes

import (
	"context"

	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// Transcript is what one probe sent and received.
type Transcript = wire.Transcript

// Directions of a transcript's lines.
const (
	Sent     = wire.Sent
	Received = wire.Received
	Remarked = wire.Said
)

// Record returns a context under which a probe writes down what it sends and
// receives: what runs over TLS in the clear, passwords and the proofs of them
// hidden.
func Record(ctx context.Context) (context.Context, *Transcript) { return wire.Record(ctx) }
