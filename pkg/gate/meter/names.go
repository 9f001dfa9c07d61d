package meter

import "sync"

// maxName is the longest text that is kept of a name, in octets.
const maxName = 128

// maxNames bounds the texts that are shared.
const maxNames = 4096

// names keeps one copy of texts that many devices have in common: User-Agents
// and their families.
type names struct {
	mu  sync.Mutex // held for all
	all map[string]string
}

func (n *names) shared(b []byte) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s, ok := n.all[string(b)]; ok {
		return s
	}
	s := string(b)
	if n.all == nil {
		n.all = map[string]string{}
	}
	if len(n.all) < maxNames {
		n.all[s] = s
	}
	return s
}

// cleaned appends printable ASCII only, at most maxName octets: what strangers
// write ends on screens, in tables and in spreadsheets.
func cleaned(dst, b []byte) []byte {
	for _, c := range b {
		if len(dst) == maxName {
			break
		}
		if c < ' ' || c > '~' {
			c = '?'
		}
		dst = append(dst, c)
	}
	return dst
}

func lowered(dst, b []byte) []byte {
	n := len(dst)
	dst = cleaned(dst, b)
	for i := n; i < len(dst); i++ {
		if 'A' <= dst[i] && dst[i] <= 'Z' {
			dst[i] |= 0x20
		}
	}
	return dst
}

// Family appends the product of a User-Agent in lower case: letters, digits and
// "-" up to the first other octet, at most 24.
func Family(dst, agent []byte) []byte {
	n := len(dst)
	for _, c := range agent {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') || len(dst)-n == 24 {
			break
		}
		dst = append(dst, c)
	}
	if len(dst) == n {
		return append(dst, "other"...)
	}
	return dst
}
