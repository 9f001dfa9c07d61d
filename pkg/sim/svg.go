package sim

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Size of the picture in pixels.
const (
	svgWidth, svgHeight = 960, 420
	svgLeft, svgTop     = 60, 60
	svgPlotW, svgPlotH  = 870, 280
)

// svgColours are told apart by people who do not see all colours (Okabe and
// Ito).
var svgColours = [...]string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"}

// WriteSVG draws where the phones are served, over time, with the faults and
// what was done about them.
func (r *Result) WriteSVG(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", svgWidth, svgHeight, svgWidth, svgHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", svgWidth, svgHeight)
	text(&b, svgLeft, 24, 16, "start", r.Scenario+": "+r.Title)
	text(&b, svgLeft, 42, 12, "start", fmt.Sprintf("share of %d phones that are served, by site", r.Phones))
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="#f4c7c3"/>`+"\n", svgLeft, svgTop, svgPlotW, svgPlotH)
	r.areas(&b)
	for _, p := range []int{0, 25, 50, 75, 100} {
		y := svgTop + svgPlotH*(100-p)/100
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#fff" stroke-opacity="0.5"/>`+"\n", svgLeft, y, svgLeft+svgPlotW, y)
		text(&b, svgLeft-6, y+4, 12, "end", fmt.Sprintf("%d %%", p))
	}
	for i := range 7 {
		at := time.Duration(i) * r.Length.D() / 6
		text(&b, svgLeft+svgPlotW*i/6, svgTop+svgPlotH+16, 12, "middle", at.Round(time.Second).String())
	}
	r.lines(&b)
	r.legend(&b)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// areas stacks the sites' shares.
func (r *Result) areas(b *strings.Builder) {
	cols := r.columns(svgPlotW)
	if len(cols) == 0 {
		return
	}
	base := make([]float64, len(cols))
	x := func(c int) float64 { return svgLeft + float64(svgPlotW)*float64(c)/float64(max(1, len(cols)-1)) }
	y := func(share float64) float64 { return svgTop + float64(svgPlotH)*(1-share) }
	for i := range r.Sites {
		var points []string
		for c := range cols {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(c), y(base[c]+cols[c][i])))
		}
		for c := len(cols) - 1; c >= 0; c-- {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(c), y(base[c])))
			base[c] += cols[c][i]
		}
		fmt.Fprintf(b, `<polygon points="%s" fill="%s"/>`+"\n", strings.Join(points, " "), svgColours[i%len(svgColours)])
	}
}

// lines marks what happened, each with its number; the words stand below.
func (r *Result) lines(b *strings.Builder) {
	for i, m := range r.moments() {
		at := svgLeft + int(float64(svgPlotW)*float64(m.at)/float64(r.Length))
		fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#000" stroke-dasharray="3 3"/>`+"\n", at, svgTop, at, svgTop+svgPlotH)
		text(b, at+2, svgTop+12+12*(i%4), 11, "start", fmt.Sprint(i+1))
	}
}

func (r *Result) legend(b *strings.Builder) {
	at := svgLeft
	for i, s := range r.Sites {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/>`+"\n", at, svgTop+svgPlotH+28, svgColours[i%len(svgColours)])
		text(b, at+16, svgTop+svgPlotH+38, 12, "start", string(s.Name))
		at += 32 + 7*len(s.Name)
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" fill="#f4c7c3"/>`+"\n", at, svgTop+svgPlotH+28)
	text(b, at+16, svgTop+svgPlotH+38, 12, "start", "not served")
	var parts []string
	for i, m := range r.moments() {
		parts = append(parts, fmt.Sprintf("%d: %s, %s", i+1, m.at.Round(100*time.Millisecond), m.text))
	}
	for i := 0; i < len(parts) && i < 6; i += 3 {
		text(b, svgLeft, svgTop+svgPlotH+58+8*i/2, 11, "start", strings.Join(parts[i:min(i+3, len(parts))], "   "))
	}
}

// text writes words at a place, free of markup.
func text(b *strings.Builder, x, y, size int, anchor, words string) {
	words = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(words)
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="%d" text-anchor="%s">%s</text>`+"\n", x, y, size, anchor, words)
}
