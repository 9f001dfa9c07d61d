package gate

import (
	"strings"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// maxContacts bounds the contacts of a 302, and with them its length: it may go
// to an address that nobody has verified.
const maxContacts = 2

// maxUser is the longest user part that is repeated in a contact.
const maxUser = 32

// preference ends the contacts, best first.
var preference = [maxContacts]string{">;q=1.0", ">;q=0.9"}

// contact is a live site in a 302 (RFC 3261 §21.3.3), in two parts: the user of
// the Request-URI goes between them.
type contact struct{ before, after string }

// compileContacts makes contacts of SIP URIs without a user, best first.
func compileContacts(uris []string) []contact {
	var out []contact
	for i, uri := range uris[:min(len(uris), maxContacts)] {
		scheme, rest, ok := strings.Cut(clean(uri), ":")
		if !ok {
			continue
		}
		out = append(out, contact{before: "Contact: <" + scheme + ":", after: rest + preference[i] + "\r\n"})
	}
	return out
}

// appendContacts writes the contacts for a request. A REGISTER goes to the site,
// all else to the same user there. An emergency call to the URN, which has no
// user, goes to the number that means the same.
func (w *worker) appendContacts(dst []byte, rs *ruleset, to []contact) []byte {
	var user []byte
	if !w.m.Is("REGISTER") {
		if user = sipwire.UserOf(w.m.URI()); len(user) == 0 && rs.sosNumber != "" && rs.emergencyURI(w.m.URI()) {
			w.scratch = append(w.scratch[:0], rs.sosNumber...)
			user = w.scratch
		}
	}
	for _, c := range to {
		dst = append(dst, c.before...)
		if plainUser(user) {
			dst = append(dst, user...)
			dst = append(dst, '@')
		}
		dst = append(dst, c.after...)
	}
	return dst
}

// plainUser reports whether a user part may be written into a URI of ours. What
// is legal but rare is left out with the odd.
func plainUser(user []byte) bool {
	for _, c := range user {
		if !letter(c) && !strings.ContainsRune("_.!~*'()%+&=$/", rune(c)) {
			return false
		}
	}
	return len(user) > 0 && len(user) <= maxUser
}
