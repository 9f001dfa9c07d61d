package steer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/fleet"
)

// TenantTable is a table of tenants with its encoding, which is made once: a
// State is written often, and its tenants change seldom. The nil table is
// empty.
type TenantTable struct {
	names *fleet.Tenants
	text  []byte // JSON: a string with the binary form in base64
}

// NewTenantTable encodes a table.
func NewTenantTable(t *fleet.Tenants) (*TenantTable, error) {
	if t.Len() == 0 {
		return nil, nil
	}
	data, err := t.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode tenants: %w", err)
	}
	text := make([]byte, base64.StdEncoding.EncodedLen(len(data))+2)
	text[0], text[len(text)-1] = '"', '"'
	base64.StdEncoding.Encode(text[1:], data)
	return &TenantTable{t, text}, nil
}

// Names returns the tenants.
func (t *TenantTable) Names() *fleet.Tenants {
	if t == nil {
		return nil
	}
	return t.names
}

// MarshalJSON implements json.Marshaler.
func (t *TenantTable) MarshalJSON() ([]byte, error) { return t.text, nil }

// UnmarshalJSON implements json.Unmarshaler.
func (t *TenantTable) UnmarshalJSON(text []byte) error {
	var data []byte
	if err := json.Unmarshal(text, &data); err != nil {
		return fmt.Errorf("decode tenants: %w", err)
	}
	names := &fleet.Tenants{}
	if err := names.UnmarshalBinary(data); err != nil {
		return fmt.Errorf("decode tenants: %w", err)
	}
	t.names, t.text = names, append([]byte(nil), text...)
	return nil
}
