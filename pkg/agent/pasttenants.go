package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
	"github.com/sipsteer/sipsteer/raftstore/archive"
)

// pastTenants is what a record of the past says of the tenants: the table itself
// is kept beside it.
type pastTenants struct {
	Count int    `json:"count"`
	Sum   string `json:"sum"` // SHA-256 of the table, in hex
}

// keepTenants keeps the table of a moment, if it is not the newest one already,
// and has the record name it. It is called with writing held.
func (p *past) keepTenants(m *moment) error {
	m.Tenants = nil
	if m.tables == nil {
		return nil
	}
	text := tableText(m.tables)
	if p.table != m.tables {
		p.sum = sha256.Sum256(text)
		p.table, p.named = m.tables, &pastTenants{Count: m.tables.Names().Len(), Sum: hex.EncodeToString(p.sum[:])}
	}
	m.Tenants = p.named
	if err := p.archive.KeepTable(m.index, p.sum, text); err != nil {
		return fmt.Errorf("keep the tenants of epoch %d: %w", m.State.Epoch, err)
	}
	return nil
}

func (t pastTenants) hash() (h archive.Hash, err error) {
	b, err := hex.DecodeString(t.Sum)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("decode past state: %q is no SHA-256", t.Sum)
	}
	copy(h[:], b)
	return h, nil
}

// tenantsAt returns the table that was in force at an epoch.
func (p *past) tenantsAt(epoch uint64) (*fleet.Tenants, error) {
	_, s, err := p.at(epoch)
	if err != nil || s.Tenants == nil {
		return nil, err
	}
	sum, err := s.Tenants.hash()
	if err != nil {
		return nil, err
	}
	text, err := p.archive.Table(sum)
	if err != nil {
		return nil, err
	}
	var t steer.TenantTable
	if err := t.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	return t.Names(), nil
}

// PastTenantPage implements api.TenantBackend: from what this agent keeps, or
// from another when it is not kept here.
func (a *Agent) PastTenantPage(ctx context.Context, epoch uint64, after string, limit int, asked bool) (api.TenantPage, error) {
	return a.pastTenants(epoch, asked, func(t *fleet.Tenants) api.TenantPage { return tenantPage(t, after, limit) },
		func(c *api.Client) (api.TenantPage, error) { return c.PastTenantPage(ctx, epoch, after, limit, true) })
}

// PastTenant implements api.TenantBackend, as PastTenantPage.
func (a *Agent) PastTenant(ctx context.Context, epoch uint64, domain string, asked bool) (api.TenantPage, error) {
	return a.pastTenants(epoch, asked, func(t *fleet.Tenants) api.TenantPage { return oneTenant(t, domain) },
		func(c *api.Client) (api.TenantPage, error) { return c.PastTenant(ctx, epoch, domain, true) })
}

// pastTenants looks at the tenants of an epoch here, or has another agent look.
func (a *Agent) pastTenants(epoch uint64, asked bool, look func(*fleet.Tenants) api.TenantPage, elsewhere func(*api.Client) (api.TenantPage, error)) (api.TenantPage, error) {
	names, err := a.past.tenantsAt(epoch)
	if err == nil {
		return look(names), nil
	}
	if !errors.Is(err, archive.ErrNotKept) && !errors.Is(err, archive.ErrDamaged) {
		return api.TenantPage{}, err
	}
	if !asked {
		for _, p := range a.peers() {
			if c, ok := a.client(p.Name); ok {
				if out, err := elsewhere(c); err == nil {
					return out, nil
				}
			}
		}
	}
	return api.TenantPage{}, &api.Error{
		Category: api.Invalid, Field: "epoch", Message: fmt.Sprintf("the tenants of epoch %d are not kept", epoch),
		Hint: "sipsteer history --epochs   # lists what is kept; history.megabytes of the agent file bounds it",
	}
}
