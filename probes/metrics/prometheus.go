package metrics

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/web"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// prometheus reads a page in the text format of Prometheus. Each metric is a
// name, perhaps with labels, and the sum of all series that have them:
// sip_responses_total{code="403"}.
func prometheus(ctx context.Context, spec probes.Spec, metrics []string) (map[string]float64, *wire.Fault) {
	page, fault := ask(ctx, spec, web.Question{Accept: "text/plain;version=0.0.4"}, "/metrics")
	if fault != nil {
		return nil, fault
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		return nil, odd("not in the text format of Prometheus: %v", err)
	}
	out := map[string]float64{}
	for _, m := range metrics {
		s, err := parseSelector(m)
		if err != nil {
			return nil, odd("%v", err)
		}
		if v, found := s.sum(families); found {
			out[m] = v
		}
	}
	return out, nil
}

// selector names series.
type selector struct {
	name   string
	labels map[string]string
}

// parseSelector reads NAME or NAME{LABEL="VALUE",…}.
func parseSelector(text string) (selector, error) {
	name, rest, braces := strings.Cut(strings.TrimSpace(text), "{")
	s := selector{name: strings.TrimSpace(name), labels: map[string]string{}}
	if s.name == "" || braces != strings.HasSuffix(rest, "}") {
		return s, fmt.Errorf("%q names no series: write name{label=\"value\"}", text)
	}
	rest = strings.TrimSuffix(rest, "}")
	for rest = strings.TrimSpace(rest); rest != ""; {
		label, after, ok := strings.Cut(rest, "=")
		quoted, err := strconv.QuotedPrefix(strings.TrimSpace(after))
		if !ok || err != nil {
			return s, fmt.Errorf("%q names no series: write name{label=\"value\"}", text)
		}
		if s.labels[strings.TrimSpace(label)], err = strconv.Unquote(quoted); err != nil {
			return s, fmt.Errorf("%q: label %s: %w", text, label, err)
		}
		rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.TrimSpace(after)[len(quoted):]), ","))
	}
	return s, nil
}

// sum adds the series that match; false when there is none.
func (s selector) sum(families map[string]*dto.MetricFamily) (total float64, found bool) {
	for _, form := range []struct {
		suffix string
		value  func(*dto.Metric) (float64, bool)
	}{{"", plain}, {"_count", count}, {"_sum", sum}} {
		name, ok := strings.CutSuffix(s.name, form.suffix)
		if !ok {
			continue
		}
		for _, m := range families[name].GetMetric() {
			if v, ok := form.value(m); ok && s.matches(m) {
				total, found = total+v, true
			}
		}
	}
	return total, found
}

func (s selector) matches(m *dto.Metric) bool {
	matched := 0
	for _, l := range m.GetLabel() {
		if want, ok := s.labels[l.GetName()]; ok {
			if want != l.GetValue() {
				return false
			}
			matched++
		}
	}
	return matched == len(s.labels)
}

// plain is the value of a counter, a gauge or what is not typed.
func plain(m *dto.Metric) (float64, bool) {
	switch {
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue(), true
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue(), true
	case m.GetUntyped() != nil:
		return m.GetUntyped().GetValue(), true
	}
	return 0, false
}

// count is how many a histogram or a summary has counted.
func count(m *dto.Metric) (float64, bool) {
	switch {
	case m.GetHistogram() != nil:
		return float64(m.GetHistogram().GetSampleCount()), true
	case m.GetSummary() != nil:
		return float64(m.GetSummary().GetSampleCount()), true
	}
	return 0, false
}

// sum is their sum.
func sum(m *dto.Metric) (float64, bool) {
	switch {
	case m.GetHistogram() != nil:
		return m.GetHistogram().GetSampleSum(), true
	case m.GetSummary() != nil:
		return m.GetSummary().GetSampleSum(), true
	}
	return 0, false
}
