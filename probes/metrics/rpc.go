package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/web"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// call is a request of JSON-RPC 2.0.
type call struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
	ID      int    `json:"id"`
}

func encoded(method string, params any) []byte {
	out, _ := json.Marshal(call{Version: "2.0", Method: method, Params: params, ID: 1}) // strings only: cannot fail
	return out
}

// reply is its answer.
type reply struct {
	Result map[string]json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// kamailio asks Kamailio's JSON-RPC over HTTP (modules jsonrpcs and kex) for
// statistics by their full names: dialog.active_dialogs.
func kamailio(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault) {
	return rpc(ctx, spec, metrics, "/RPC", encoded("stats.fetchn", metrics))
}

// opensips asks OpenSIPS' management interface over HTTP (module mi_http) for
// statistics by their full names: dialog:active_dialogs.
func opensips(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault) {
	return rpc(ctx, spec, metrics, "/mi", encoded("get_statistics", map[string][]string{"statistics": metrics}))
}

func rpc(ctx context.Context, spec probes.Spec, metrics []string, path string, body []byte) (map[string]float64, *wire.Fault) {
	page, fault := ask(ctx, spec, web.Question{Body: body, Type: "application/json"}, path)
	if fault != nil {
		return nil, fault
	}
	return statistics(page, metrics)
}

// maxDatagram is the largest answer that fits into UDP.
const maxDatagram = 64 << 10

// opensipsDatagram is opensips over UDP (module mi_datagram): one datagram each
// way. A lost one is asked for again after half of the time that is left.
func opensipsDatagram(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "udp", spec.Address.String())
	if err != nil {
		return nil, wire.Classify("open socket", err)
	}
	conn := wire.Tap(ctx, raw)
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	question := encoded("get_statistics", map[string][]string{"statistics": metrics})
	buf := make([]byte, maxDatagram)
	for again := time.Second; ; {
		if _, err := conn.Write(question); err != nil {
			return nil, wire.Classify("ask", err)
		}
		if end, ok := ctx.Deadline(); ok {
			again = time.Until(end) / 2
		}
		_ = conn.SetReadDeadline(time.Now().Add(max(again, time.Millisecond)))
		if ctx.Err() != nil {
			return nil, wire.Classify("wait for the answer", ctx.Err())
		}
		n, err := conn.Read(buf)
		if err == nil {
			return statistics(buf[:n], metrics)
		}
		var slow net.Error
		if !errors.As(err, &slow) || !slow.Timeout() {
			return nil, wire.Classify("wait for the answer", err)
		}
	}
}

// statistics reads an answer. Kamailio may write a statistic that was asked for
// by its bare name with its group before it; only full names are taken.
func statistics(page []byte, metrics []string) (map[string]float64, *wire.Fault) {
	var r reply
	if err := json.Unmarshal(page, &r); err != nil {
		return nil, odd("not an answer of JSON-RPC: %v", err)
	}
	if r.Error != nil {
		return nil, odd("the softswitch refuses: %d %s", r.Error.Code, r.Error.Message)
	}
	out := map[string]float64{}
	for _, m := range metrics {
		raw, ok := r.Result[m]
		if !ok {
			continue
		}
		v, err := number(raw)
		if err != nil {
			return nil, odd("%s: %v", m, err)
		}
		out[m] = v
	}
	return out, nil
}

// number reads a number, or a string that holds one.
func number(raw json.RawMessage) (float64, error) {
	text := string(bytes.Trim(raw, `"`))
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return v, nil
}
