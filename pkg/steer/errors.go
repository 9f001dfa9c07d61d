package steer

import "fmt"

// Refusal is the error of a guard. State is as before, but for the event.
type Refusal struct {
	Rule  Rule   `json:"rule"`
	Text  string `json:"text"`  // what the rule says about this case
	Value string `json:"value"` // the value now
	Limit string `json:"limit"`
	Next  string `json:"next"` // the command to type next
	// Hard refusals cannot be overridden.
	Hard bool `json:"hard,omitempty"`
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refused by %s: %s (now %s, limit %s)", r.Rule, r.Text, r.Value, r.Limit)
}

// Invalid is the error of a command that cannot be carried out as written.
type Invalid struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Message }
