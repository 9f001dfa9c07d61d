package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// emergencyPlan is what is dialled for help in a country, as its numbering plan
// has it for all fixed lines. Numbers for advice, and those of single networks,
// are left out.
type emergencyPlan struct {
	country string // ISO 3166-1, two letters
	numbers string
	source  string
}

// emergencyPlans are the countries that a policy may name. It is short on purpose:
// a wrong number here costs somebody the way to help, so each row has its source.
// For others the numbers are written in emergency_numbers.
var emergencyPlans = [...]emergencyPlan{
	{"AT", "112 122 133 144", "Kommunikationsparameter-, Entgelt- und Mehrwertdiensteverordnung (KEM-V), Rufnummern für Notrufdienste"},
	{"AU", "000 106 112", "ACMA, Telecommunications Numbering Plan, emergency service numbers"},
	{"BE", "100 101 112", "BIPT/IBPT, Royal Decree on numbering, emergency services; Directive (EU) 2018/1972 article 109"},
	{"CA", "911", "CRTC, 9-1-1 services for traditional wireline, VoIP and wireless phone services"},
	{"CH", "112 117 118 144", "BAKOM/OFCOM, short numbers for emergency services (AEFV article 28)"},
	{"DE", "110 112", "Telekommunikationsgesetz § 164 and Verordnung über Notrufverbindungen (NotrufV) § 1"},
	{"FR", "112 114 15 17 18", "ARCEP, plan national de numérotation, numéros d'urgence"},
	{"GB", "112 999", "Ofcom, National Telephone Numbering Plan, emergency organisations"},
	{"IE", "112 999", "ComReg, National Numbering Scheme, emergency access codes"},
	{"MX", "911", "IFT, plan técnico fundamental de numeración, número único 911"},
	{"NL", "112", "Directive (EU) 2018/1972 article 109; Nummerplan telefoon- en ISDN-diensten"},
	{"NZ", "111", "Number Administration Deed, New Zealand; Telecommunications (111 Contact Code)"},
	{"US", "911", "47 U.S.C. § 251(e)(3): 911 as the universal emergency telephone number"},
}

// EmergencyCountries are the countries that a policy may name, in order.
func EmergencyCountries() []string {
	var out []string
	for _, p := range emergencyPlans {
		out = append(out, p.country)
	}
	return out
}

// Emergency are all numbers that always pass: those of the policy, and those of
// its countries.
func (p Policy) Emergency() []string {
	out := slices.Clone(p.EmergencyNumbers)
	for _, plan := range emergencyPlans {
		if !slices.Contains(p.EmergencyCountries, plan.country) {
			continue
		}
		for _, n := range strings.Fields(plan.numbers) {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

func (v *validation) emergencyCountries(countries []string) {
	for i, c := range countries {
		p := fmt.Sprintf("$.policy.emergency_countries[%d]", i)
		if !slices.Contains(EmergencyCountries(), c) {
			v.add(p, "one of "+strings.Join(EmergencyCountries(), ", ")+"; for others write the numbers in emergency_numbers", "no numbers are known here for country %q", c)
		} else if slices.Contains(countries[:i], c) {
			v.add(p, "delete one of them", "%s stands twice", c)
		}
	}
}
