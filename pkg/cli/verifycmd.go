package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// verifyTimeout bounds the reading of a whole past.
const verifyTimeout = time.Minute

// finding is the result of history --verify.
type finding struct {
	OK       bool           `json:"ok"`
	Agents   []agentFinding `json:"agents"`
	Compared int            `json:"compared"` // records that more than one agent has
	Problems []string       `json:"problems"`
}

type agentFinding struct {
	Agent   string   `json:"agent"`
	Records int      `json:"records"`
	From    uint64   `json:"from"` // epochs
	To      uint64   `json:"to"`
	Head    api.Hash `json:"head"`
}

// verifyHistory has every agent read its past again and compares what they
// have. An agent that cannot be reached is a problem: its past is not proven.
func (a *app) verifyHistory(ctx context.Context, cs clients) error {
	found := make([]api.Verification, len(cs))
	errs := make([]error, len(cs))
	var wg sync.WaitGroup
	for i, c := range cs {
		wg.Go(func() {
			found[i], errs[i] = try(ctx, c, verifyTimeout, func(ctx context.Context, c *api.Client) (api.Verification, error) { return c.Verify(ctx) })
		})
	}
	wg.Wait()
	if !slices.ContainsFunc(errs, func(err error) bool { return err == nil }) {
		return unreachable(cs, errs[0])
	}
	f := finding{Agents: []agentFinding{}, Problems: []string{}}
	var answered []api.Verification
	for i, v := range found {
		if errs[i] != nil {
			f.Problems = append(f.Problems, fmt.Sprintf("%s was not verified: %v", cs[i].Name(), errs[i]))
			continue
		}
		answered = append(answered, v)
		f.add(v)
	}
	f.compare(answered)
	f.OK = len(f.Problems) == 0
	a.printFinding(f)
	if !f.OK {
		return &exitError{1}
	}
	return nil
}

func (f *finding) add(v api.Verification) {
	af := agentFinding{Agent: v.Agent, Records: len(v.Records), Head: v.Head}
	if n := len(v.Records); n > 0 {
		af.From, af.To = v.Records[0].Epoch, v.Records[n-1].Epoch
	}
	f.Agents = append(f.Agents, af)
	for _, d := range v.Damaged {
		f.Problems = append(f.Problems, fmt.Sprintf("%s: damaged: %s", v.Agent, d))
	}
}

// compare names the first record in which each agent differs from the first
// agent that has it.
func (f *finding) compare(all []api.Verification) {
	type owner struct {
		agent string
		place api.PastPlace
	}
	known := map[uint64]owner{}
	for _, v := range all {
		differs := false
		for _, p := range v.Records {
			o, ok := known[p.Index]
			if !ok {
				known[p.Index] = owner{v.Agent, p}
				continue
			}
			f.Compared++
			if o.place != p && !differs {
				differs = true
				f.Problems = append(f.Problems, fmt.Sprintf("%s and %s differ from epoch %d on (log entry %d)", o.agent, v.Agent, p.Epoch, p.Index))
			}
		}
	}
}

func (a *app) printFinding(f finding) {
	if a.json {
		a.printJSON(f)
		return
	}
	p := palette{a.colours()}
	rows := [][]string{{"AGENT", "RECORDS", "EPOCHS", "HEAD"}}
	for _, ag := range f.Agents {
		rows = append(rows, []string{ag.Agent, fmt.Sprint(ag.Records), fmt.Sprintf("%d to %d", ag.From, ag.To), ag.Head.String()[:16]})
	}
	table(a.streams.Out, p, rows)
	if f.OK {
		fmt.Fprintf(a.streams.Out, "\n%s: every record is as it was written; %d compared between agents, all equal\n", p.good("history is whole"), f.Compared)
		return
	}
	fmt.Fprintln(a.streams.Out)
	for _, problem := range f.Problems {
		fmt.Fprintf(a.streams.Out, "%s %s\n", p.bad("problem:"), clean(problem))
	}
}
