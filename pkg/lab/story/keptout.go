package story

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// helpWithin bounds a call for help, with room for a site that is still busy.
const helpWithin = 10 * time.Second

// named: the status has the source, and what to type against it.
func named(within time.Duration) Expectation {
	return Expectation{"status names the source and the command that keeps it out", within, func(s *Stage) bool {
		source := s.neighbourSource().Addr.String()
		return slices.ContainsFunc(s.Status().Attention, func(x api.Attention) bool {
			return strings.HasPrefix(x.Detail, source+" begins ") && strings.Contains(x.Next, "quarantine add "+source+" ")
		})
	}}
}

// keptOut: automation keeps the neighbour out, and nobody else.
func keptOut(within time.Duration) Expectation {
	return Expectation{"automation keeps that source out, and no other", within, func(s *Stage) bool {
		all := s.Status().Quarantines
		return len(all) > 0 && !slices.ContainsFunc(all, func(q api.Quarantine) bool {
			return q.Source != s.neighbourSource().Addr.String()+"/32" || q.Owner != steer.AutomationOwner
		})
	}}
}

// letIsolate changes the fleet file: automation may keep sources out.
func (s *Stage) letIsolate(ctx context.Context) error {
	file := filepath.Join(filepath.Dir(s.Lab.ClientFile()), "fleet.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the lab's fleet file: %w", err)
	}
	const advises, acts = "isolate: {", "isolate: {automation: act, "
	if !strings.Contains(string(text), advises) {
		return fmt.Errorf("%s says nothing of %q", file, advises)
	}
	return operator(api.CommandRequest{Kind: string(steer.KindSetFleet), Reason: "let automation keep floods out", Fleet: strings.Replace(string(text), advises, acts, 1)})(ctx, s)
}

// callForHelp has the neighbour call for help at the site that DNS names first.
func (s *Stage) callForHelp(ctx context.Context) error {
	to, ok := s.firstInWest()
	if !ok {
		return fmt.Errorf("call for help: %s is not answered", fleet.UDP.Label()+".west")
	}
	ctx, cancel := context.WithTimeout(ctx, helpWithin)
	defer cancel()
	code, err := s.neighbourSource().Call(ctx, to, "911")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.help = code
	return err
}

// helped reports whether the call for help was answered.
func (s *Stage) helped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.help == 200
}

// letIn lets the neighbour in again, everywhere.
func (s *Stage) letIn(ctx context.Context) error {
	req := api.CommandRequest{Kind: string(steer.KindUnquarantine), Source: s.neighbourSource().Addr.String(), Reason: "the customer has mended it"}
	if _, err := s.do(ctx, req); err != nil {
		return fmt.Errorf("let %s in: %w", req.Source, err)
	}
	s.say(Fault, "%s is let in again", req.Source)
	return nil
}
