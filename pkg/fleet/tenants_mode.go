package fleet

// TenantAnswers says how the names of tenants are answered.
type TenantAnswers string

// The ways to answer for tenants. The zero value means TenantsExpand.
const (
	// TenantsExpand answers with the records of the service themselves, as if
	// they stood at the tenant: every phone understands it.
	TenantsExpand TenantAnswers = "expand"
	// TenantsCNAME answers with a CNAME to the service's name, and its records
	// behind it: resolvers keep one copy for all tenants, but some phones do
	// not follow it.
	TenantsCNAME TenantAnswers = "cname"
)

func (v *validation) tenants() {
	switch m := v.fleet.TenantAnswers; m {
	case "", TenantsExpand, TenantsCNAME:
	default:
		v.add("$.tenants", meant(string(m), []string{string(TenantsExpand), string(TenantsCNAME)}), "tenants %q is none", m)
	}
}
