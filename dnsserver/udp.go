package dnsserver

import "net/netip"

// udpSocket is one socket that answers. Several may share an address.
type udpSocket interface {
	// serve answers until the socket is closed.
	serve(s *Server, r *responder)
	// close ends serve, or makes it end at once when it begins.
	close() error
	// abandon frees a socket that will never serve.
	abandon() error
}

// maxQuestion is the longest UDP message read; what is behind is lost, which
// makes the message malformed.
const maxQuestion = 2048

// answerUDP answers within the rate limit; nil means silence.
func (s *Server) answerUDP(r *responder, out, msg []byte, client netip.AddrPort, now uint32) []byte {
	if client.Port() == 0 { // nobody can ask from there
		r.count.dropped.Add(1)
		return nil
	}
	r.client, r.now = client.Addr(), now
	answer := r.respond(out, msg, UDP)
	if answer != nil && !r.proven {
		switch s.limiter.check(client.Addr(), r.subject, now) {
		case hold:
			r.count.limited.Add(1)
			return nil
		case slip:
			r.count.slipped.Add(1)
			answer = r.slip(answer, msg)
		}
	}
	r.sample(UDP, client, msg, answer)
	return answer
}
