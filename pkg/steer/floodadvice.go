package steer

import (
	"fmt"
	"slices"
	"strings"
)

// floodWords end what is said of a source at a common cause.
const floodWords = " sends far more to its gate than others do"

// named adds to what is said of a common cause which source floods the gate of that
// site now: a flood follows the phones from site to site, and keeping it out may
// cure what moving does not. How much it sends is left out, since that changes with
// every look.
func named(held []Advice, loud []LoudSource) []Advice {
	for i := range held {
		a := &held[i]
		if a.Rule != RuleCommonCause {
			continue
		}
		n := slices.IndexFunc(loud, func(l LoudSource) bool { return l.Site == a.Site })
		if n < 0 {
			continue
		}
		a.Text += fmt.Sprintf("; %s%s", loud[n].Prefix, floodWords)
		a.Next = fmt.Sprintf("sipsteer gate quarantine add %s --site %s --for 30m --reason …   # keeps that source out; %s", loud[n].Prefix, a.Site, a.Next)
	}
	return held
}

// floods is the source that the advice names; "" when it names none.
func (a *Advice) floods() string {
	text, found := strings.CutSuffix(a.Text, floodWords)
	if !found {
		return ""
	}
	return text[strings.LastIndex(text, " ")+1:]
}
