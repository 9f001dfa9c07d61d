package fleet

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Cohorts is how many buckets the tenants are put into.
const Cohorts = 100

// OwnName is the bucket of the devices that register at a service's own name
// and belong to no tenant.
const OwnName = Cohorts

// BucketSum is the hash that puts tenants into buckets, while it is being made:
// FNV-1a over the octets of the domain (64 bits), then the finalizer of
// MurmurHash3, so that all octets count alike, modulo Cohorts. It is part of
// what agents agree on and never changes.
type BucketSum uint64

// The parameters of FNV-1a.
const (
	fnvOffset BucketSum = 14695981039346656037
	fnvPrime  BucketSum = 1099511628211
)

// NewBucketSum returns the sum of nothing.
func NewBucketSum() BucketSum { return fnvOffset }

// Add returns the sum with one octet more.
func (h BucketSum) Add(octet byte) BucketSum { return (h ^ BucketSum(octet)) * fnvPrime }

// Bucket is the bucket of the domain that was added.
func (h BucketSum) Bucket() int {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return int(h % Cohorts)
}

// BucketOf returns the bucket of a tenant, from 0 to Cohorts-1: the same on
// every machine, in every version, whatever other tenants there are.
func BucketOf(domain TenantID) int {
	h := NewBucketSum()
	for i := range len(domain) {
		h = h.Add(domain[i])
	}
	return h.Bucket()
}

// Cohort is a set of buckets: a stable slice of the tenants, who move
// together. The zero value is empty.
type Cohort [2]uint64

// Everyone returns all tenants, and the devices without one.
func Everyone() Cohort { return Cohort{1<<64 - 1, 1<<(OwnName+1-64) - 1} }

// AllTenants returns the buckets of all tenants.
func AllTenants() Cohort { return Everyone().Without(CohortOf(OwnName)) }

// CohortOf returns the cohort of some buckets.
func CohortOf(buckets ...int) (c Cohort) {
	for _, b := range buckets {
		c[b/64] |= 1 << (b % 64)
	}
	return c
}

// Has reports whether a bucket is in the cohort.
func (c Cohort) Has(bucket int) bool { return c[bucket/64]>>(bucket%64)&1 == 1 }

// Len returns the number of buckets.
func (c Cohort) Len() int { return bits.OnesCount64(c[0]) + bits.OnesCount64(c[1]) }

// IsZero reports whether the cohort is empty.
func (c Cohort) IsZero() bool { return c == Cohort{} }

// And returns what both have.
func (c Cohort) And(o Cohort) Cohort { return Cohort{c[0] & o[0], c[1] & o[1]} }

// Or returns what any of them has.
func (c Cohort) Or(o Cohort) Cohort { return Cohort{c[0] | o[0], c[1] | o[1]} }

// Without returns what o does not have.
func (c Cohort) Without(o Cohort) Cohort { return Cohort{c[0] &^ o[0], c[1] &^ o[1]} }

// Least returns the lowest bucket; -1 of the empty cohort.
func (c Cohort) Least() int {
	switch {
	case c[0] != 0:
		return bits.TrailingZeros64(c[0])
	case c[1] != 0:
		return 64 + bits.TrailingZeros64(c[1])
	}
	return -1
}

// First returns a share of the cohort's tenants in per cent, rounded up: those
// in the lowest buckets, so that a larger share has those of a smaller one.
func (c Cohort) First(percent int) Cohort {
	c = c.And(AllTenants())
	left := (c.Len()*percent + 99) / 100
	var out Cohort
	for b := 0; left > 0 && b < Cohorts; b++ {
		if c.Has(b) {
			out = out.Or(CohortOf(b))
			left--
		}
	}
	return out
}

// ParseCohort reads a share of the tenants, "5%", or buckets: "0-4,17". "own"
// stands for the devices without a tenant.
func ParseCohort(s string) (Cohort, error) {
	bad := func() (Cohort, error) {
		return Cohort{}, fmt.Errorf("%q is no cohort: write a share, 5%%, or buckets from 0 to %d, 0-4,17", s, Cohorts-1)
	}
	if n, ok := strings.CutSuffix(strings.TrimSpace(s), "%"); ok {
		percent, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil || percent < 1 || percent > 100 {
			return bad()
		}
		return AllTenants().First(percent), nil
	}
	var c Cohort
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "own" {
			c = c.Or(CohortOf(OwnName))
			continue
		}
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last < first || last >= Cohorts {
			return bad()
		}
		for b := first; b <= last; b++ {
			c = c.Or(CohortOf(b))
		}
	}
	return c, nil
}

// String writes the buckets as ranges.
func (c Cohort) String() string {
	var parts []string
	for b := 0; b < Cohorts; b++ {
		if !c.Has(b) {
			continue
		}
		first := b
		for b+1 < Cohorts && c.Has(b+1) {
			b++
		}
		if first == b {
			parts = append(parts, strconv.Itoa(b))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", first, b))
		}
	}
	if c.Has(OwnName) {
		parts = append(parts, "own")
	}
	return strings.Join(parts, ",")
}

// Percent is the share of the tenants that the cohort has.
func (c Cohort) Percent() int { return c.And(AllTenants()).Len() * 100 / Cohorts }

// Words says for people who the cohort is.
func (c Cohort) Words() string {
	own := c.Has(OwnName)
	tenants := c.And(AllTenants())
	switch {
	case c == Everyone():
		return "everyone"
	case tenants.IsZero():
		return "devices without a tenant"
	}
	words := fmt.Sprintf("%d %% of the tenants (buckets %s)", tenants.Percent(), tenants)
	if own {
		words += " and devices without one"
	}
	return words
}

// MarshalText implements encoding.TextMarshaler.
func (c Cohort) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Cohort) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*c = Cohort{}
		return nil
	}
	out, err := ParseCohort(string(b))
	if err == nil {
		*c = out
	}
	return err
}

// NoneIfEveryone is how a cohort is written down: that of everyone is none.
func (c Cohort) NoneIfEveryone() Cohort {
	if c == Everyone() {
		return Cohort{}
	}
	return c
}
