package certlint

import (
	"fmt"
	"slices"
	"strings"

	zcrypto "github.com/zmap/zcrypto/x509"
	zlint "github.com/zmap/zlint/v3/lint"
	_ "github.com/zmap/zlint/v3/lints/community" // registers its lints
	_ "github.com/zmap/zlint/v3/lints/rfc"       // registers its lints
)

const ruleZlint = "zlint"

// zlintSources are whose rules zlint is asked for: the standards that hold for every
// certificate. The rules that public authorities keep among themselves (of the
// CA/Browser Forum and of those who make browsers) matter to no phone.
var zlintSources = zlint.SourceList{
	zlint.RFC3279, zlint.RFC5280, zlint.RFC5480, zlint.RFC5891, zlint.RFC8813, zlint.Community,
}

// zlintLeftOut are lints about what a rule of ours says already, with what it means
// for phones, and two about identifiers and usages that authorities of one's own
// seldom set and no phone looks at; and the search for two primes that are close to
// each other, which takes longer than all else (1 ms for each key of RSA).
var zlintLeftOut = []string{
	"e_subject_common_name_max_length", "e_validity_time_not_positive", "e_serial_number_not_positive", "e_serial_number_longer_than_20_octets",
	"e_ext_san_not_critical_without_subject", "e_san_dns_name_starts_with_period",
	"w_ext_subject_key_identifier_missing_sub_cert", "n_ecdsa_ee_invalid_ku",
	"e_rsa_fermat_factorization",
}

// zlints are the lints of zlint that are applied.
type zlints struct {
	all []*zlint.CertificateLint
	cfg zlint.Configuration
}

func newZlints() (zlints, error) {
	registry, err := zlint.GlobalRegistry().Filter(zlint.FilterOptions{IncludeSources: zlintSources, ExcludeNames: zlintLeftOut})
	if err != nil {
		return zlints{}, fmt.Errorf("choose lints: %w", err)
	}
	z := zlints{all: registry.CertificateLints().Lints(), cfg: registry.GetConfiguration()}
	slices.SortFunc(z.all, func(a, b *zlint.CertificateLint) int { return strings.Compare(a.Name, b.Name) })
	return z, nil
}

// judge applies the lints. What zlint's own parser does not take is judged
// elsewhere.
func (z zlints) judge(der []byte) []Finding {
	if len(z.all) == 0 {
		return nil
	}
	cert, err := zcrypto.ParseCertificate(der)
	if err != nil {
		return nil
	}
	var out []Finding
	for _, l := range z.all {
		severity := Note
		switch r := l.Execute(cert, z.cfg); r.Status {
		case zlint.Error:
			severity = Warn
		case zlint.Warn, zlint.Notice:
		default: // passed, does not apply, or the lint itself failed
			continue
		}
		text := fmt.Sprintf("%s: %s", l.Name, l.Description)
		if l.Citation != "" {
			text += fmt.Sprintf(" (%s)", l.Citation)
		}
		out = append(out, Finding{Severity: severity, Rule: ruleZlint, Text: clean(text)})
	}
	return out
}
