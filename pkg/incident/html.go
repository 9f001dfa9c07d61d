package incident

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed report.html
var page string

// HTML renders the report as one page that needs nothing else: no script, no
// style, font or picture from elsewhere. What people and peers wrote is escaped
// for its place.
func (r *Report) HTML(o Options) (string, error) {
	d, err := r.document(o)
	if err != nil {
		return "", err
	}
	t, err := template.New("report").Parse(page)
	if err != nil {
		return "", fmt.Errorf("parse page: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return "", fmt.Errorf("render report: %w", err)
	}
	return b.String(), nil
}
