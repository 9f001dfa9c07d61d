package divert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Nftables has the kernel bring the traffic to the gate: driver nftables.
type Nftables struct {
	cfg NftablesConfig

	// All below is used by one goroutine.
	kernel *ruleSocket // owns the table; nil while there is none
	opened time.Time   // since when nothing is diverted any more
}

// NewNftables checks the configuration. It asks nothing of the kernel yet.
func NewNftables(c NftablesConfig) (*Nftables, error) {
	c.Table, c.Linger = cmp.Or(c.Table, "sipsteer"), cmp.Or(c.Linger, time.Hour)
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Nftables{cfg: c}, nil
}

// Apply implements Driver: it changes the table in one transaction, if it differs,
// and reads back what the kernel has.
func (n *Nftables) Apply(_ context.Context, p gate.Policy) error {
	kept := boundaries(p.Quarantine, time.Now())
	steps := n.cfg.steps(p, kept)
	have, err := n.read()
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return n.open(have)
	}
	n.opened = time.Time{}
	want := names(steps, kept)
	if slices.Equal(have, want) {
		return nil
	}
	if err := n.put(steps, kept); err != nil {
		return err
	}
	if have, err = n.read(); err != nil {
		return err
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("the kernel has %d rules and ranges of %d in table %s", len(have), len(want), n.cfg.Table)
	}
	return nil
}

// KeepsOut implements Keeper.
func (n *Nftables) KeepsOut() bool { return true }

// open diverts nothing more. The table stays for a while: the connections that
// were diverted need it.
func (n *Nftables) open(have []string) error {
	if n.kernel == nil {
		return nil
	}
	if n.opened.IsZero() {
		n.opened = time.Now()
	}
	if time.Since(n.opened) >= n.cfg.Linger {
		return n.Close()
	}
	if len(have) == 0 {
		return nil
	}
	return n.put(nil, nil)
}

// Close takes the table away.
func (n *Nftables) Close() error {
	if n.kernel == nil {
		return nil
	}
	err := n.kernel.close()
	n.kernel = nil
	return err
}

func (n *Nftables) put(steps []step, kept []boundary) error {
	if n.kernel == nil {
		k, err := ownTable(n.cfg.Table, n.cfg.chains())
		if err != nil {
			return err
		}
		n.kernel = k
	}
	if err := n.kernel.replace(steps, kept); err != nil {
		return fmt.Errorf("put rules into table %s: %w", n.cfg.Table, err)
	}
	return nil
}

// read returns the names of the rules and ranges that the kernel has, sorted.
// Asking also finds out whether this process may ask.
func (n *Nftables) read() ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, explain(err)
	}
	table := &nftables.Table{Name: n.cfg.Table, Family: nftables.TableFamilyINet}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, explain(err)
	}
	if n.kernel == nil || !slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == table.Name }) {
		return nil, nil
	}
	var out []string
	for _, at := range n.cfg.chains() {
		rules, err := c.GetRules(table, &nftables.Chain{Name: chainNames[at], Table: table})
		if err != nil {
			return nil, fmt.Errorf("read chain %s of table %s: %w", chainNames[at], table.Name, err)
		}
		for _, r := range rules {
			name, _ := userdata.GetString(r.UserData, userdata.TypeComment)
			out = append(out, name)
		}
	}
	for _, set := range keptSets {
		elements, err := c.GetSetElements(&nftables.Set{Name: set.name, Table: table})
		if err != nil {
			return nil, fmt.Errorf("read set %s of table %s: %w", set.name, table.Name, err)
		}
		for _, e := range elements {
			addr, _ := netip.AddrFromSlice(e.Key)
			out = append(out, boundary{addr, e.IntervalEnd}.String())
		}
	}
	slices.Sort(out)
	return out, nil
}

// explain says what can be done about a kernel that does not let us.
func explain(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return errors.New("the kernel lets this process change no rules: it needs CAP_NET_ADMIN (AmbientCapabilities=CAP_NET_ADMIN in the unit, or setcap cap_net_admin+ep)")
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("this kernel has no nf_tables (modprobe nf_tables, or CONFIG_NF_TABLES_INET): %w", err)
	}
	return fmt.Errorf("ask the kernel for its tables: %w", err)
}
