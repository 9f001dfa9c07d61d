package cli

import "github.com/spf13/cobra"

// storeCommands adds what looks at, keeps and brings back the replicated state.
func (a *app) storeCommands(add func(group string, cmds ...*cobra.Command)) {
	add("look", a.showCmd(), a.diffCmd(), a.backupCmd(), a.doctorCmd())
	add("act", a.rollbackCmd(a.act, nil), a.restoreCmd())
	add("run", a.operatorCmd())
}
