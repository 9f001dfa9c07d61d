package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// MarshalJSON writes an object of domains and services, for people and for
// small tables.
func (t *Tenants) MarshalJSON() ([]byte, error) {
	out := make(map[TenantID]ServiceID, t.Len())
	for d, s := range t.All() {
		out[d] = s
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes. The table must be new.
func (t *Tenants) UnmarshalJSON(data []byte) error {
	var in map[TenantID]ServiceID
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("decode tenants: %w", err)
	}
	changes := make([]TenantChange, 0, len(in))
	for _, d := range slices.Sorted(maps.Keys(in)) {
		if in[d] == "" {
			return fmt.Errorf("decode tenants: tenant %q has no service", d)
		}
		changes = append(changes, TenantChange{d, in[d]})
	}
	out, _, err := (*Tenants)(nil).Edit(changes)
	if err != nil {
		return fmt.Errorf("decode tenants: %w", err)
	}
	*t = *out
	return nil
}
