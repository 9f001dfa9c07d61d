package incident

import (
	"fmt"
	"strings"
)

// Markdown renders the report as CommonMark with tables.
func (r *Report) Markdown(o Options) (string, error) {
	d, err := r.document(o)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", mark(d.Title))
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "- **%s**: %s\n", mark(f.Name), mark(f.Value))
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", mark(s.Title))
		b.WriteString(strings.Join(marked(s.Text), "\n\n"))
		if len(s.Text) > 0 {
			b.WriteString("\n")
		}
		for _, f := range s.Facts {
			fmt.Fprintf(&b, "- %s: %s\n", mark(f.Name), mark(f.Value))
		}
		for _, i := range s.Items {
			fmt.Fprintf(&b, "- %s\n", mark(i))
		}
		if s.Table != nil {
			writeTable(&b, s.Table)
		}
	}
	fmt.Fprintf(&b, "\n---\n\n%s\n", mark(d.Made))
	return b.String(), nil
}

func writeTable(b *strings.Builder, t *table) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(marked(t.Head), " | "), strings.Repeat(" --- |", len(t.Head)))
	for _, r := range t.Rows {
		cells := marked(r.Cells)
		if len(cells) == 1 {
			cells = append([]string{"**" + cells[0] + "**"}, make([]string, len(t.Head)-1)...)
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
}

func marked(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = mark(s)
	}
	return out
}

// mark escapes what Markdown, and the HTML inside it, would read as its own.
func mark(s string) string {
	return strings.NewReplacer(
		"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", "\\|", "#", "\\#", "~", "\\~",
	).Replace(s)
}
