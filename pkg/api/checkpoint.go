package api

import (
	"encoding/hex"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// Hash is a SHA-256, in JSON as 64 hexadecimal digits.
type Hash [32]byte

// String returns it in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("%d digits are no SHA-256", len(b))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// Schema implements huma.SchemaProvider.
func (Hash) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9a-f]{64}$", Description: "SHA-256 in hexadecimal."}
}

// Checkpoint is what an agent has at an agreed place of the log.
type Checkpoint struct {
	Index uint64 `json:"index"`
	Chain Hash   `json:"chain" doc:"Over every entry up to the index."`
	State Hash   `json:"state" doc:"Of the State after it; zeros while it is not known."`
}
