package divert

import (
	"errors"
	"fmt"
	"os"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ruleSocket is the connection to the kernel that owns our table. Package
// nftables knows no owner of a table and no checksum of a changed IPv6 packet, so
// the few messages that change something are written here.
type ruleSocket struct {
	conn  *netlink.Conn
	table string
}

// tableOwned (NFT_TABLE_F_OWNER, Linux 5.12) ties a table to the socket.
const tableOwned = 2

// ownTable makes the table anew. One that was left behind by somebody who did not
// own it is taken away.
func ownTable(name string, chains []chain) (*ruleSocket, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, explain(err)
	}
	s := &ruleSocket{conn: conn, table: name}
	var tx transaction
	tx.add(unix.NFT_MSG_NEWTABLE, netlink.Create, s.tableAttributes(0))
	tx.add(unix.NFT_MSG_DELTABLE, 0, s.tableAttributes(0))
	tx.add(unix.NFT_MSG_NEWTABLE, netlink.Create, s.tableAttributes(tableOwned))
	for _, at := range chains {
		tx.add(unix.NFT_MSG_NEWCHAIN, netlink.Create, s.chainAttributes(at))
	}
	for _, set := range keptSets {
		tx.add(unix.NFT_MSG_NEWSET, netlink.Create, set.attributes(name))
	}
	if err := tx.send(conn); err != nil {
		conn.Close()
		switch {
		case errors.Is(err, os.ErrPermission):
			return nil, fmt.Errorf("table %s belongs to another process: two agents on one machine cannot both divert", name)
		case errors.Is(err, unix.EOPNOTSUPP):
			return nil, fmt.Errorf("make table %s: this kernel has no tables that end with their owner (Linux 5.12), or no NAT: %w", name, err)
		}
		return nil, fmt.Errorf("make table %s: %w", name, err)
	}
	return s, nil
}

// close ends the table with its owner.
func (s *ruleSocket) close() error {
	var tx transaction
	tx.add(unix.NFT_MSG_DELTABLE, 0, s.tableAttributes(0))
	err := tx.send(s.conn)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, s.conn.Close()); err != nil {
		return fmt.Errorf("take table %s away: %w", s.table, err)
	}
	return nil
}

// replace puts these rules and ranges in the place of all others, at one moment.
func (s *ruleSocket) replace(steps []step, kept []boundary) error {
	var tx transaction
	tx.add(unix.NFT_MSG_DELRULE, 0, []netlink.Attribute{text(unix.NFTA_RULE_TABLE, s.table)})
	for _, set := range keptSets {
		tx.add(unix.NFT_MSG_DELSETELEM, 0, set.elements(s.table, nil))
		if own := ofFamily(kept, set.is4); len(own) > 0 {
			tx.add(unix.NFT_MSG_NEWSETELEM, netlink.Create, set.elements(s.table, own))
		}
	}
	for _, x := range steps {
		list, err := expressions(x)
		if err != nil {
			return err
		}
		tx.add(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, []netlink.Attribute{
			text(unix.NFTA_RULE_TABLE, s.table), text(unix.NFTA_RULE_CHAIN, chainNames[x.chain]),
			{Type: unix.NLA_F_NESTED | unix.NFTA_RULE_EXPRESSIONS, Data: list},
			{Type: unix.NFTA_RULE_USERDATA, Data: userdata.AppendString(nil, userdata.TypeComment, x.String())},
		})
	}
	return tx.send(s.conn)
}

func (s *ruleSocket) tableAttributes(flags uint32) []netlink.Attribute {
	return []netlink.Attribute{text(unix.NFTA_TABLE_NAME, s.table), number(unix.NFTA_TABLE_FLAGS, flags)}
}

// Priorities of the hooks. Raw is before the kernel looks for a connection; the
// other is before other people's destination NAT, so that our addresses are
// those that the phone knows.
const (
	priorityRaw  = -300
	priorityDNAT = -110
)

func (s *ruleSocket) chainAttributes(at chain) []netlink.Attribute {
	hook, priority, kind := uint32(unix.NF_INET_PRE_ROUTING), int32(priorityRaw), "filter"
	switch at {
	case leave:
		hook = unix.NF_INET_LOCAL_OUT
	case connect:
		priority, kind = priorityDNAT, "nat"
	}
	return []netlink.Attribute{
		text(unix.NFTA_CHAIN_TABLE, s.table), text(unix.NFTA_CHAIN_NAME, chainNames[at]),
		nested(unix.NFTA_CHAIN_HOOK, number(unix.NFTA_HOOK_HOOKNUM, hook), number(unix.NFTA_HOOK_PRIORITY, uint32(priority))),
		text(unix.NFTA_CHAIN_TYPE, kind),
	}
}

// expressions are a step in the kernel's words.
func expressions(s step) ([]byte, error) {
	var out []netlink.Attribute
	for _, e := range s.expressions() {
		b, err := marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode rule %s: %w", s, err)
		}
		out = append(out, netlink.Attribute{Type: unix.NLA_F_NESTED | unix.NFTA_LIST_ELEM, Data: b})
	}
	return netlink.MarshalAttributes(out)
}

// marshal encodes an expression. A change of an IPv6 address needs the flag for
// the checksum of what is in the packet without a checksum of the header, which
// package expr leaves out.
func marshal(e expr.Any) ([]byte, error) {
	p, ok := e.(*expr.Payload)
	if !ok || p.OperationType != expr.PayloadWrite || p.CsumType != expr.CsumTypeNone || p.CsumFlags == 0 {
		return expr.Marshal(unix.NFPROTO_INET, e)
	}
	data, err := expr.MarshalExprData(unix.NFPROTO_INET, e)
	if err != nil {
		return nil, err
	}
	flags, err := netlink.MarshalAttributes([]netlink.Attribute{number(unix.NFTA_PAYLOAD_CSUM_FLAGS, p.CsumFlags)})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{
		text(unix.NFTA_EXPR_NAME, "payload"), {Type: unix.NLA_F_NESTED | unix.NFTA_EXPR_DATA, Data: append(data, flags...)},
	})
}

// transaction is a batch of changes that the kernel takes whole or not at all.
type transaction struct {
	messages []netlink.Message
	err      error
}

func (t *transaction) add(kind int, flags netlink.HeaderFlags, attributes []netlink.Attribute) {
	data, err := netlink.MarshalAttributes(attributes)
	t.err = errors.Join(t.err, err)
	t.messages = append(t.messages, netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   append([]byte{unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0}, data...),
	})
}

func (t *transaction) send(conn *netlink.Conn) error {
	if t.err != nil {
		return t.err
	}
	bracket := func(kind int) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
			Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
		}
	}
	all := append([]netlink.Message{bracket(unix.NFNL_MSG_BATCH_BEGIN)}, t.messages...)
	if _, err := conn.SendMessages(append(all, bracket(unix.NFNL_MSG_BATCH_END))); err != nil {
		return err
	}
	// The kernel acknowledges each message, or says once or more what is wrong;
	// then nothing of the batch is done.
	for acknowledged := 0; acknowledged < len(t.messages); {
		got, err := conn.Receive()
		if err != nil {
			return err
		}
		acknowledged += max(len(got), 1)
	}
	return nil
}

func text(kind uint16, s string) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: append([]byte(s), 0)}
}

func number(kind uint16, n uint32) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: binaryutil.BigEndian.PutUint32(n)}
}

func nested(kind uint16, inner ...netlink.Attribute) netlink.Attribute {
	data, err := netlink.MarshalAttributes(inner)
	if err != nil {
		return netlink.Attribute{Type: kind} // the kernel refuses it
	}
	return netlink.Attribute{Type: unix.NLA_F_NESTED | kind, Data: data}
}
