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

// contentHead comes first in a snapshot, on a line of its own; the State
// follows.
type contentHead struct {
	Content  int          `json:"content"`
	Registry pki.Registry `json:"registry"`
}

// encode writes what decodeContent reads.
func (c content) encode(w io.Writer) error {
	enc := json.NewEncoder(w)
	if err := enc.Encode(contentHead{contentFormat, c.registry}); err != nil {
		return fmt.Errorf("encode registry: %w", err)
	}
	if err := enc.Encode(c.state); err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return nil
}

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
	state, err := decodeState(io.MultiReader(dec.Buffered(), r))
	return content{state, head.Registry}, err
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
