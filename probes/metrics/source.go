package metrics

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/web"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// maxAnswer bounds what is read of a source.
const maxAnswer = 8 << 20

// read asks a source once for all metrics, named as the source names them. What
// it does not have is not among the answers.
type read func(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault)

// sources are all that can be read, by fleet.MetricSources.
var sources = map[string]read{
	"prometheus":        prometheus,
	"kamailio":          kamailio,
	"opensips":          opensips,
	"opensips-datagram": opensipsDatagram,
	"freeswitch":        freeswitch,
	"json":              plainJSON,
}

// metricsOf are what a check needs from its source, each once, in order.
func metricsOf(spec probes.Spec) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, n := range spec.Question.Numbers {
		for _, m := range []string{n.Metric, n.Per} {
			if !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	return out
}

// ask fetches a page; anything but 200 is a fault.
func ask(ctx context.Context, spec probes.Spec, q web.Question, path string) ([]byte, *wire.Fault) {
	q.Path, q.Most = spec.Question.Path, maxAnswer
	if q.Path == "" {
		q.Path = path
	}
	answer, fault := web.Ask(ctx, spec, q)
	if fault != nil {
		return nil, fault
	}
	if answer.StatusCode != http.StatusOK {
		return nil, &wire.Fault{Cause: health.CauseStatus, Detail: "answered " + answer.Status}
	}
	return answer.Body, nil
}

// odd is the fault of a source that answered something else than numbers.
func odd(format string, args ...any) *wire.Fault {
	return &wire.Fault{Cause: health.CauseMalformed, Detail: wire.Clean(fmt.Sprintf(format, args...))}
}
