package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// emergencyPlan is what is dialled for help in a country: all that its regulator
// or its law lists as emergency numbers of every network, those for advice in
// danger among them. One too many passes a drained site; one too few costs
// somebody the way to help. The first is for help of any kind.
type emergencyPlan struct {
	country string // ISO 3166-1, two letters
	numbers string
	source  string // whose list it is, and where it stands
}

// emergencyPlans are the countries that a policy may name. It is short on purpose:
// each row was looked up, and says where. For others the numbers are written in
// emergency_numbers.
var emergencyPlans = [...]emergencyPlan{
	{"AT", "112 122 128 133 140 141 142 144 147", "RTR, Öffentliche Kurzrufnummern für Notrufdienste (KEM-V 2009 §§ 17-22): rtr.at"},
	{"AU", "000 106 112", "Triple Zero, About the Emergency Call Service (Telecommunications Numbering Plan: primary 000, secondary 106 and 112): triplezero.gov.au"},
	{"BE", "112 100 101", "FPS Interior, emergency numbers 112 and 101: 112.be, sos112.be; royal decree of 9 October 2002 on 100 and 101; Brussels Fire Brigade on 100"},
	{"CA", "911", "CRTC, 9-1-1 services for traditional wireline, VoIP and wireless phone services: crtc.gc.ca/eng/phone/911/can.htm"},
	{"CH", "112 117 118 143 144 145 147", "OFCOM, SR 784.101.113/1.3 (112, 117, 118, 143, 144, 147): bakom.admin.ch; AEFV (SR 784.104) art. 28 with poisoning, 145: toxinfo.ch"},
	{"DE", "112 110", "Verordnung über Notrufverbindungen (NotrufV) § 1, 112 and the national 110: rechtslupe.de on its coming into force; Deutsche Telekom, Notruf zu 110 & 112"},
	{"FR", "112 114 115 116000 116117 119 15 17 18 191 196 197", "Arcep, liste des numéros d'urgence: arcep.fr (décision n° 02-1179, as changed)"},
	{"GB", "112 999", "DCMS, 999 and 112: the UK's national emergency numbers: gov.uk; Ofcom, General Conditions, emergency call numbers"},
	{"IE", "112 999", "Department of Communications, Emergency Call Answering Service: dccae.gov.ie (Communications Regulation (Amendment) Act 2007)"},
	{"MX", "911", "IFT, DOF 2 December 2015, diariooficial.gob.mx codigo=5418339: 060, 061, 065, 066, 068 and 080 move to 911 (cabecera.mx)"},
	{"NL", "112", "Nummerplan telefoon- en ISDN-diensten, Staatscourant 2006, 77: Europees alarmnummer 112; ACM, alarmnummer 112, 11 February 2022"},
	{"NZ", "111", "Commerce Commission, 111 Contact Code: the 111 emergency service is ambulance, police and fire: comcom.govt.nz"},
	{"US", "911", "FCC 00-327, Fourth Report and Order in CC Docket 92-105 (universal emergency telephone number; 47 U.S.C. § 251(e)(3))"},
}

// EmergencyCountries are the countries that a policy may name, in order.
func EmergencyCountries() []string {
	var out []string
	for _, p := range emergencyPlans {
		out = append(out, p.country)
	}
	return out
}

// EmergencySource says whose list of numbers a country's is, and where it stands;
// "" for a country that no policy may name.
func EmergencySource(country string) string {
	for _, p := range emergencyPlans {
		if p.country == country {
			return p.source
		}
	}
	return ""
}

// Emergency are all numbers that always pass: those of the policy's countries, in
// their order, and those of the policy itself. The first is what a call for help
// without a number (urn:service:sos) is dialled as elsewhere, so a country goes
// before the numbers that hold without one.
func (p Policy) Emergency() []string {
	out := []string{}
	add := func(numbers []string) {
		for _, n := range numbers {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, c := range p.EmergencyCountries {
		for _, plan := range emergencyPlans {
			if plan.country == c {
				add(strings.Fields(plan.numbers))
			}
		}
	}
	add(p.EmergencyNumbers)
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
