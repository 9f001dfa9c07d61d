package srv

import "slices"

// CheckAfter is Check for a zone that follows one which passed it: what is the
// same is not looked at again. It reports what Check reports; prev may be nil.
func (z *Zone) CheckAfter(prev *Zone) error {
	if prev == nil || !z.sameForm(prev) {
		return z.Check()
	}
	if err := z.checkHead(); err != nil {
		return err
	}
	hosts := map[string]bool{}
	for i := range z.Sets {
		s, was := &z.Sets[i], &prev.Sets[i]
		if len(s.Data) == len(was.Data) && slices.EqualFunc(s.Data, was.Data, EqualData) {
			continue
		}
		if err := z.checkSet(s, hosts); err != nil {
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
	return z.Origin == prev.Origin && len(z.Sets) > 0 && slices.Equal(z.Steered, prev.Steered) &&
		slices.EqualFunc(z.Sets, prev.Sets, func(a, b RRset) bool { return a.Type == b.Type && a.Name == b.Name })
}
