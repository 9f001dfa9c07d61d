package softswitch

import (
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// realm of the challenges.
const realm = "lab"

// login returns the refusal of a REGISTER; nil when it may be carried out. Who has
// a password must prove it, and with the keys reset nobody can.
func (s *Softswitch) login(req *sip.Request, fault Fault) *sip.Response {
	password, known := s.cfg.Passwords[req.To().Address.User]
	if !known && fault != AuthReset {
		return nil
	}
	proof := req.GetHeader("Authorization")
	if proof == nil {
		return answer(req, 401, "Unauthorized", sip.NewHeader("WWW-Authenticate",
			fmt.Sprintf(`Digest realm=%q, nonce="%x", algorithm=MD5, qop="auth"`, realm, time.Now().UnixNano())))
	}
	if fault == AuthReset || !proves(proof.Value(), req, password) {
		return answer(req, 403, "Forbidden")
	}
	return nil
}

// proves reports whether the proof of a password is right (RFC 8760, RFC 7616
// §3.4). Any nonce counts: nobody replays a login of the lab.
func proves(proof string, req *sip.Request, password string) bool {
	got, err := digest.ParseCredentials(proof)
	if err != nil || got.Realm != realm || got.Username != req.To().Address.User {
		return false
	}
	want, err := digest.Digest(&digest.Challenge{Realm: realm, Nonce: got.Nonce, Algorithm: "MD5", QOP: []string{"auth"}}, digest.Options{
		Method: string(req.Method), URI: got.URI, Count: got.Nc, Cnonce: got.Cnonce, Username: got.Username, Password: password,
	})
	return err == nil && want.Response == got.Response
}
