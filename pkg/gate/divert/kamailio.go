package divert

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/gate"
)

// Kamailio has a Kamailio refuse that includes kamailio/sipsteer.cfg: its table
// "sipsteer" says what to do on each transport and which numbers pass. It is
// spoken to by JSON-RPC over a datagram socket (module jsonrpcs).
type Kamailio struct {
	// Address is the jsonrpcs socket, UDP: HOST:PORT of the same machine or a
	// management network. It has no authentication.
	Address    string
	Transports []fleet.Transport
}

// table is the name of the hash table in Kamailio.
const table = "sipsteer"

// Apply implements Driver: it sets what differs, and reads all back.
func (k *Kamailio) Apply(ctx context.Context, p gate.Policy) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", k.Address)
	if err != nil {
		return fmt.Errorf("reach kamailio: %w", err)
	}
	defer conn.Close()
	c := &rpc{conn: conn}
	want := map[string]int{}
	for _, t := range k.Transports {
		want[t.String()] = int(phaseOf(p.Rules[t]))
	}
	for _, n := range p.Emergency {
		want["sos:"+n] = 1
	}
	for key, value := range want {
		if err := c.ensure(ctx, key, value); err != nil {
			return err
		}
	}
	return nil
}

// rpc is one conversation by JSON-RPC 2.0, a datagram for each question and answer.
type rpc struct {
	conn net.Conn
	id   int
	once bool // nothing is asked a second time
}

// ensure sets a value, unless it is there, and looks whether it is there then.
func (c *rpc) ensure(ctx context.Context, key string, value int) error {
	if have, ok := c.get(ctx, key); ok && have == value {
		return nil
	}
	if _, err := c.call(ctx, "htable.seti", []any{table, key, value}); err != nil {
		return fmt.Errorf("set %s in kamailio: %w", key, err)
	}
	have, ok := c.get(ctx, key)
	if !ok || have != value {
		return fmt.Errorf("set %s in kamailio: it has %d, not %d", key, have, value)
	}
	return nil
}

func (c *rpc) get(ctx context.Context, key string) (int, bool) {
	raw, err := c.call(ctx, "htable.get", []any{table, key})
	if err != nil {
		return 0, false // not set yet, or it says so when it is set
	}
	var result struct {
		Item struct {
			Value int `json:"value"`
		} `json:"item"`
	}
	return result.Item.Value, json.Unmarshal(raw, &result) == nil && result.Item.Value >= 0
}

// resend is how long an answer may take before the question is asked again: it
// is a datagram.
const resend = time.Second

func (c *rpc) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	c.id++
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": params, "id": strconv.Itoa(c.id)})
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	buf := make([]byte, 65536)
	for {
		if _, err := c.conn.Write(request); err != nil {
			return nil, fmt.Errorf("ask: %w", err)
		}
		end := time.Now().Add(resend)
		if last, ok := ctx.Deadline(); ok && c.once {
			end = last
		}
		for time.Now().Before(end) {
			_ = c.conn.SetReadDeadline(end)
			n, err := c.conn.Read(buf)
			if err != nil {
				if ne, ok := err.(net.Error); ok && ne.Timeout() {
					break
				}
				return nil, fmt.Errorf("nobody answers at %s: %w", c.conn.RemoteAddr(), err)
			}
			if result, mine, err := answer(buf[:n], strconv.Itoa(c.id)); mine {
				return result, err
			}
		}
		if ctx.Err() != nil || c.once {
			return nil, fmt.Errorf("no answer from %s: %w", c.conn.RemoteAddr(), cmp.Or(ctx.Err(), error(context.DeadlineExceeded)))
		}
	}
}

// answer reads a response; mine is false for one to an earlier question.
func answer(b []byte, id string) (result json.RawMessage, mine bool, err error) {
	var r struct {
		ID     any             `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(b, &r) != nil || fmt.Sprint(r.ID) != id {
		return nil, false, nil
	}
	if r.Error != nil {
		return nil, true, fmt.Errorf("%d %s", r.Error.Code, r.Error.Message)
	}
	return r.Result, true, nil
}
