//go:build !linux

package divert

import (
	"context"
	"errors"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Nftables is the driver that has the kernel bring the traffic to the gate; only
// Linux can.
type Nftables struct{}

// NewNftables checks the configuration.
func NewNftables(c NftablesConfig) (*Nftables, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return nil, errors.New("only Linux has nftables")
}

// Apply implements Driver.
func (*Nftables) Apply(context.Context, gate.Policy) error {
	return errors.New("only Linux has nftables")
}

// Close does nothing.
func (*Nftables) Close() error { return nil }
