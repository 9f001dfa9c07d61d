package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// content is everything that the agents agree on: where traffic goes, and who is
// who.
type content struct {
	state    steer.State
	registry pki.Registry
}

// contentFormat is the version of its encoding.
const contentFormat = 1

// contentHead comes first in a snapshot, on a line of its own. The State follows
// on the next, without its tables of tenants, and then those, which are long
// and are neither copied nor parsed on the way.
type contentHead struct {
	Content  int          `json:"content"`
	Registry pki.Registry `json:"registry"`
	Tables   [2]int       `json:"tables"` // octets of each; 0 is none
}

// encode writes what decodeContent reads.
func (c content) encode(w io.Writer) error {
	tables := [2][]byte{tableText(c.state.Tenants), tableText(c.state.TenantsBefore)}
	enc := json.NewEncoder(w)
	if err := enc.Encode(contentHead{contentFormat, c.registry, [2]int{len(tables[0]), len(tables[1])}}); err != nil {
		return fmt.Errorf("encode registry: %w", err)
	}
	c.state.Tenants, c.state.TenantsBefore = nil, nil
	if err := enc.Encode(c.state); err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	for _, text := range tables {
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write tenants: %w", err)
		}
	}
	return nil
}

// tableText is the table's own encoding, made when the table was.
func tableText(t *steer.TenantTable) []byte {
	if t == nil {
		return nil
	}
	text, _ := t.MarshalJSON() // only hands it out
	return text
}

// readTable reads a table of so many octets; nil for none.
func readTable(r io.Reader, octets int) (*steer.TenantTable, error) {
	if octets == 0 {
		return nil, nil
	}
	if octets < 0 || octets > maxTable {
		return nil, fmt.Errorf("decode tenants: a table of %d octets", octets)
	}
	text := make([]byte, octets)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	t := &steer.TenantTable{}
	return t, t.UnmarshalJSON(text)
}

// maxTable bounds what is believed of a head: a hundred million tenants.
const maxTable = 1 << 31

// decodeContent refuses what a newer program wrote.
func decodeContent(r io.Reader) (content, error) {
	dec := json.NewDecoder(r)
	var head contentHead
	if err := dec.Decode(&head); err != nil {
		return content{}, fmt.Errorf("decode registry: %w", err)
	}
	if head.Content != contentFormat || head.Registry.Format > pki.RegistryFormat {
		return content{}, fmt.Errorf("decode content: format %d, registry %d; this program knows %d and %d; use the program that wrote it",
			head.Content, head.Registry.Format, contentFormat, pki.RegistryFormat)
	}
	out := content{registry: head.Registry}
	if err := dec.Decode(&out.state); err != nil {
		return content{}, fmt.Errorf("decode state: %w", err)
	}
	if err := knownState(out.state); err != nil {
		return content{}, err
	}
	rest := io.MultiReader(dec.Buffered(), r)
	if _, err := io.ReadFull(rest, make([]byte, 1)); err != nil { // the end of the line
		return content{}, fmt.Errorf("decode state: %w", err)
	}
	var err error
	if out.state.Tenants, err = readTable(rest, head.Tables[0]); err != nil {
		return content{}, err
	}
	out.state.TenantsBefore, err = readTable(rest, head.Tables[1])
	return out, err
}

// A log entry is a list of the core's commands, or one change of the registry:
// an object.
func isChange(entry []byte) bool { return bytes.HasPrefix(entry, []byte("{")) }

func encodeChange(c pki.Change) ([]byte, error) { return json.Marshal(c) }

func decodeChange(b []byte) (pki.Change, error) {
	var c pki.Change
	err := json.Unmarshal(b, &c)
	return c, err
}
