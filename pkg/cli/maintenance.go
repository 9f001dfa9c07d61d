package cli

import (
	"slices"

	"github.com/sipsteer/sipsteer/pkg/api"
)

// inMaintenance follows the word of a transport that fails as it may: the site was
// emptied for work, or somebody has said that it is worked on.
func inMaintenance(p palette, s api.SiteStatus, transport string) string {
	if !slices.Contains(s.Maintenance, transport) {
		return ""
	}
	return p.dim(" (maintenance)")
}
