package srv

import "slices"

// Changes is what a zone has otherwise than the one before it.
type Changes struct {
	// SameForm says that both have sets at the same names and of the same types,
	// in the same order, and the same steered ones. If not, all may be different.
	SameForm bool
	// Sets are the places of the sets that say something else than before, in
	// order; only with SameForm.
	Sets []int
}

// ChangesSince compares the zone with the one before it, which may be nil.
func (z *Zone) ChangesSince(prev *Zone) Changes {
	if prev == nil || !z.sameForm(prev) {
		return Changes{}
	}
	c := Changes{SameForm: true}
	for i := range z.Sets {
		if !z.Sets[i].Equal(&prev.Sets[i]) {
			c.Sets = append(c.Sets, i)
		}
	}
	return c
}

// CheckAfter is Check for a zone that follows one which passed it: what is the
// same is not looked at again. It reports what Check reports; prev may be nil.
func (z *Zone) CheckAfter(prev *Zone) error {
	return z.CheckChanges(prev, z.ChangesSince(prev))
}

// CheckChanges is CheckAfter for who has compared the zones already.
func (z *Zone) CheckChanges(prev *Zone, c Changes) error {
	if !c.SameForm {
		return z.Check()
	}
	if err := z.checkHead(); err != nil {
		return err
	}
	hosts := map[string]bool{}
	for _, i := range c.Sets {
		// The name is that of the set before, which passed.
		if err := z.checkData(&z.Sets[i], prev.Sets[i].Data, hosts); err != nil {
			return err
		}
	}
	return z.checkRest()
}

// checkRest is what both checks end with: what depends on more than one set.
func (z *Zone) checkRest() error {
	if err := z.checkCohorts(); err != nil {
		return err
	}
	return z.checkTenants()
}

// sameForm reports whether both zones have sets at the same names and of the same
// types, in the same order, and the same steered ones: then neither order nor
// targets of sets that are equal need to be looked at.
func (z *Zone) sameForm(prev *Zone) bool {
	if z.Origin != prev.Origin || len(z.Sets) == 0 || len(z.Sets) != len(prev.Sets) || !slices.Equal(z.Steered, prev.Steered) {
		return false
	}
	for i := range z.Sets {
		if a, b := &z.Sets[i], &prev.Sets[i]; a.Type != b.Type || a.Name != b.Name {
			return false
		}
	}
	return true
}
