package divert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// OpenSIPS has an OpenSIPS (3.x) refuse that includes opensips/sipsteer.cfg: keys
// in its local cache say what to do on each transport and which numbers pass. It
// is spoken to by its management interface, over datagrams (module mi_datagram) or
// HTTP (module mi_http).
type OpenSIPS struct {
	// Address is the socket of mi_datagram, UDP: HOST:PORT, or the URL of mi_http:
	// http://HOST:PORT/mi; of the same machine or a management network. Neither has
	// authentication.
	Address    string
	Transports []fleet.Transport
}

// cache is the name of the key-value store in OpenSIPS.
const cache = "local"

// Apply implements Driver: it sets what differs, and reads all back.
func (o *OpenSIPS) Apply(ctx context.Context, p gate.Policy) error {
	c, done, err := o.ask(ctx, false)
	if err != nil {
		return err
	}
	defer done()
	want := map[string]int{}
	for _, t := range o.Transports {
		want["sipsteer_"+t.String()] = int(phaseOf(p.Rules[t]))
	}
	for _, n := range p.Emergency {
		want["sipsteer_sos_"+n] = 1
	}
	for key, value := range want {
		if err := store(ctx, c, key, strconv.Itoa(value)); err != nil {
			return err
		}
	}
	return nil
}

// store sets a value, unless it is there, and looks whether it is there then.
func store(ctx context.Context, c asker, key, value string) error {
	if have, ok := fetch(ctx, c, key); ok && have == value {
		return nil
	}
	if _, err := c.call(ctx, "cache_store", map[string]string{"system": cache, "attr": key, "value": value}); err != nil {
		return fmt.Errorf("set %s in opensips: %w", key, err)
	}
	if have, ok := fetch(ctx, c, key); !ok || have != value {
		return fmt.Errorf("set %s in opensips: it has %q, not %q", key, have, value)
	}
	return nil
}

// fetch returns false for a key that is not there: then it says so when it is set.
func fetch(ctx context.Context, c asker, key string) (string, bool) {
	raw, err := c.call(ctx, "cache_fetch", map[string]string{"system": cache, "attr": key})
	if err != nil {
		return "", false
	}
	var result struct {
		Value string `json:"value"`
	}
	return result.Value, json.Unmarshal(raw, &result) == nil && result.Value != ""
}

// Command implements Commander: a command of the management interface, with its
// parameters as NAME=VALUE. It is sent once: without an answer it is not known
// whether it was done.
func (o *OpenSIPS) Command(ctx context.Context, words []string) (string, error) {
	if len(words) == 0 {
		return "", errors.New("no command is named")
	}
	c, done, err := o.ask(ctx, true)
	if err != nil {
		return "", err
	}
	defer done()
	params := map[string]string{}
	for _, w := range words[1:] {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return "", fmt.Errorf("parameter %q of %s: opensips takes NAME=VALUE", w, words[0])
		}
		params[name] = value
	}
	raw, err := c.call(ctx, words[0], params)
	if err != nil {
		return "", fmt.Errorf("%s in opensips: %w", words[0], err)
	}
	return string(raw), nil
}
