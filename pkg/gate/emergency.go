package gate

import (
	"bytes"

	"github.com/sipsteer/sipsteer/pkg/sipwire"
)

// sosURN begins the URN of every emergency service (RFC 5031 §3).
const sosURN = "urn:service:sos"

// emergencyURI reports whether a Request-URI is an emergency call: the URN or
// a number of the policy, as tel: or as user part of a SIP URI.
func (rs *ruleset) emergencyURI(uri []byte) bool {
	if len(uri) >= len(sosURN) && bytes.EqualFold(uri[:len(sosURN)], []byte(sosURN)) {
		return len(uri) == len(sosURN) || !letter(uri[len(sosURN)])
	}
	if len(rs.emergency) == 0 {
		return false
	}
	user := sipwire.UserOf(uri)
	if len(user) == 0 || len(user) > 64 {
		return false
	}
	var buf [64]byte
	return rs.emergency[string(dialled(buf[:0], user))]
}

// dialled appends the number that was dialled: without "+" and visual
// separators (RFC 3966 §5.1.1), with %xx decoded.
func dialled(dst, user []byte) []byte {
	for i := 0; i < len(user); i++ {
		c := user[i]
		if c == '%' && i+2 < len(user) {
			if hi, lo := hexValue(user[i+1]), hexValue(user[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		switch c {
		case '-', '.', '(', ')', ' ', '+':
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' }
