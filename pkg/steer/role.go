package steer

import "fmt"

// Role is what the person who typed a command may do, as the agent found that
// heard it.
type Role string

// The roles that can type commands.
const (
	RoleOperator Role = "operator"
	RoleAdmin    Role = "admin"
)

// covers reports whether who has the role may do what needs another one. An
// unknown role covers nothing.
func (r Role) covers(need Role) bool {
	switch need {
	case "", RoleOperator:
		return r == "" || r == RoleOperator || r == RoleAdmin
	}
	return r == need
}

// guardRole: a step that needs a role is not done for who has a lesser one.
func (t *transition) guardRole(s *Step) *Refusal {
	if t.cmd.Role.covers(s.Role) {
		return nil
	}
	have := t.cmd.Role
	if have == "" {
		have = RoleOperator
	}
	return &Refusal{
		Rule: RuleRole, Hard: true, Text: fmt.Sprintf("%s may not decide about the step %s", t.cmd.By, s.ID),
		Value: string(have), Limit: string(s.Role), Next: "ask somebody who has the role: sipsteer operator list",
	}
}

// guardRoles: the program does for the starter of a run what needs the starter's
// role; approve and manual ask those who approve.
func (t *transition) guardRoles(p *Procedure) *Refusal {
	for i := range p.Steps {
		if s := &p.Steps[i]; !s.Do.ByPerson() {
			if r := t.guardRole(s); r != nil {
				return r
			}
		}
	}
	return nil
}

// guardSkip: nobody leaves out what needs a role that they do not have, and
// nobody leaves out an approval that needs two people: it would be one person's
// decision then.
func (t *transition) guardSkip(r *Run, i int) *Refusal {
	s := &r.Steps[i]
	if refusal := t.guardRole(s); refusal != nil {
		return refusal
	}
	if s.Do != ActApprove || s.People < 2 {
		return nil
	}
	return &Refusal{
		Rule: RuleApproval, Hard: true, Text: s.ID + " asks for two people and cannot be left out",
		Value: plural(len(r.Progress[i].Approvals), "person"), Limit: fmt.Sprintf("%d different people", s.People),
		Next: "sipsteer runbook approve " + r.ID + " " + s.ID + "   # by two people; or end it: sipsteer runbook abort " + r.ID,
	}
}
