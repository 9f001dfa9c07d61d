package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/lab"
	"github.com/sipsteer/sipsteer/pkg/lab/phones"
	"github.com/sipsteer/sipsteer/pkg/lab/story"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

const (
	frameInterval = 100 * time.Millisecond
	barWidth      = 40
	keepLines     = 400
)

// View is the live picture of a story.
type View struct {
	sc   story.Scenario
	exit bool

	mu    sync.Mutex
	lines []story.Line
}

// New returns a view of a scenario. With exit it ends when the story does.
func New(sc story.Scenario, exit bool) *View { return &View{sc: sc, exit: exit} }

// Tell takes a line of the story.
func (v *View) Tell(l story.Line) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lines = append(v.lines, l)
	v.lines = v.lines[max(0, len(v.lines)-keepLines):]
}

// Run plays the story and draws it until it is over, or the user quits.
func (v *View) Run(ctx context.Context, stage *story.Stage) error {
	playCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	program := tea.NewProgram(&model{view: v, stage: stage, started: time.Now()}, tea.WithContext(ctx))
	played := make(chan error, 1)
	go func() { // ends with playCtx at the latest
		err := stage.Play(playCtx, v.sc)
		played <- err
		program.Send(over{})
	}()
	_, err := program.Run()
	cancel()
	playErr := <-played
	if errors.Is(playErr, context.Canceled) {
		playErr = nil
	}
	if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, tea.ErrInterrupted) {
		err = nil
	}
	return errors.Join(playErr, err)
}

type (
	frame struct{} // time to draw
	over  struct{} // the story is over
)

// model draws. Bubble Tea calls it from one goroutine.
type model struct {
	view    *View
	stage   *story.Stage
	started time.Time
	over    bool
	width   int
	height  int
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return nextFrame() }

func nextFrame() tea.Cmd {
	return tea.Tick(frameInterval, func(time.Time) tea.Msg { return frame{} })
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if s := msg.String(); s == "q" || s == "ctrl+c" || s == "esc" {
			return m, tea.Quit
		}
	case frame:
		return m, nextFrame()
	case over:
		m.over = true
		if m.view.exit {
			return m, tea.Quit
		}
	}
	return m, nil
}

var (
	green  = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	red    = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	grey   = lipgloss.NewStyle().Foreground(lipgloss.Color("8"))
	bold   = lipgloss.NewStyle().Bold(true)
)

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.draw())
	v.AltScreen = true
	return v
}

func (m *model) draw() string {
	st, snap, faults := m.stage.Status(), m.stage.Crowd.Snapshot(), m.stage.Lab.Faults()
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n\n", bold.Render("sipsteer"), m.view.sc.Title)
	fmt.Fprintf(&b, "epoch %d   leader %s   %d phones, %d unregistered   %d refused with 503   calls up %d, lost %d\n\n",
		st.Epoch, st.Leader, snap.Phones, snap.Unregistered, snap.Refused, total(snap.Calls), snap.CallsLost)
	b.WriteString(sites(st, snap, faults))
	b.WriteString(answers(st))
	lines := m.height - strings.Count(b.String(), "\n") - 3
	b.WriteString(m.timeline(max(3, lines)))
	if m.over {
		b.WriteString(bold.Render("the story is over") + grey.Render("  q to quit and see the table"))
	} else {
		b.WriteString(grey.Render("q to quit"))
	}
	return clip(b.String(), m.width)
}

func total[K comparable](m map[K]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// clip cuts lines to the width, so that a narrow terminal does not wrap them.
func clip(s string, width int) string {
	if width <= 0 {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = lipgloss.NewStyle().MaxWidth(width).Render(l)
	}
	return strings.Join(lines, "\n")
}

// sites draws a row a site: gate, transports, and its phones as a bar.
func sites(st api.Status, snap phones.Snapshot, faults map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", grey.Render(fmt.Sprintf("%-10s %-9s %-9s %-8s %-8s %-8s %s", "SITE", "INTENT", "GATE", "UDP", "TCP", "TLS", "PHONES")))
	for _, s := range st.Sites {
		n := snap.Registered[fleet.SiteID(s.Name)]
		bar := strings.Repeat("█", n*barWidth/max(1, snap.Phones))
		fault := ""
		if f := faults[s.Name]; f != "" {
			fault = "  " + red.Render("✗ "+f)
		}
		fmt.Fprintf(&b, "%-10s %s %s %s %s %s %s %d%s\n", s.Name, word(s.Intent, 9), word(s.Gate, 9),
			word(s.Transports["udp"], 8), word(s.Transports["tcp"], 8), word(s.Transports["tls"], 8), green.Render(bar), n, fault)
	}
	b.WriteByte('\n')
	return b.String()
}

func word(s string, width int) string {
	padded := fmt.Sprintf("%-*s", width, s)
	switch s {
	case "up", "open", "active":
		return green.Render(padded)
	case "down", "closed":
		return red.Render(padded)
	}
	return yellow.Render(padded)
}

// answers draws the SRV targets of each service.
func answers(st api.Status) string {
	var b strings.Builder
	for _, svc := range st.Services {
		fmt.Fprintf(&b, "%s %s\n", bold.Render(strings.TrimSuffix(svc.Name, "."+lab.Zone)), grey.Render(fmt.Sprintf("TTL %d", svc.TTL)))
		transports := make([]string, 0, len(svc.Transports))
		for t := range svc.Transports {
			transports = append(transports, t)
		}
		slices.Sort(transports)
		for _, t := range transports {
			fmt.Fprintf(&b, "  %-4s %s\n", t, targets(svc.Transports[t]))
		}
	}
	b.WriteByte('\n')
	return b.String()
}

func targets(ts []steer.Target) string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = fmt.Sprintf("%s %s", t.Site, grey.Render(fmt.Sprintf("%d/%d", t.Priority, t.Weight)))
	}
	return strings.Join(out, "  ")
}

// timeline draws the last lines of the story.
func (m *model) timeline(n int) string {
	m.view.mu.Lock()
	lines := slices.Clone(m.view.lines)
	m.view.mu.Unlock()
	var rows []string
	for _, l := range lines[max(0, len(lines)-n):] {
		at := grey.Render(fmt.Sprintf("%9s ", seconds(l.At)))
		switch l.Kind {
		case story.Chapter:
			rows = append(rows, bold.Render(l.Text))
		case story.Fault:
			rows = append(rows, at+red.Render(l.Text))
		case story.Holds:
			rows = append(rows, at+green.Render("✓ "+l.Text))
		case story.Fails:
			rows = append(rows, at+red.Render("FAILED "+l.Text))
		default:
			rows = append(rows, at+l.Text)
		}
	}
	rows = rows[max(0, len(rows)-n):]
	return strings.Join(rows, "\n") + strings.Repeat("\n", n-len(rows)) + "\n"
}
