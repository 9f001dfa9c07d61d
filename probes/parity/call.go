package parity

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/pion/sdp/v3"

	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// farewell is kept of the time for a call to hang up.
const farewell = 2 * time.Second

// askCall places a call to the test number and hangs up when it is answered:
// codecs that are chosen, headers, and whether the same number is understood in
// other forms.
func askCall(ctx context.Context, spec probes.Spec) Answer {
	a, res := placeCall(ctx, spec, spec.Question.Call.To)
	if !a.answered() {
		return a
	}
	if res != nil {
		for k, v := range takeApart(res, spec.Address) {
			a[k] = v
		}
		media(a, res.Body())
		for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID", "Diversion"} {
			if h := res.GetHeader(name); h != nil {
				a[name+" form"] = formOf(h.Value())
			}
		}
	}
	for _, form := range forms(spec.Question.Call.To) {
		as, _ := placeCall(ctx, spec, form.number)
		a["as "+form.name] = as["status"]
	}
	return a
}

// placeCall calls a number; the answer is nil when it was not answered.
func placeCall(end context.Context, spec probes.Spec, number string) (Answer, *sip.Response) {
	ctx, cancel := end, context.CancelFunc(func() {})
	if last, ok := end.Deadline(); ok {
		ctx, cancel = context.WithDeadline(end, last.Add(-farewell))
	}
	defer cancel()
	conn, fault := wire.Dial(ctx, spec.Peer())
	if fault != nil {
		return Answer{Unanswered: fault.Error()}, nil
	}
	defer conn.Close()
	domain := cmp.Or(spec.Login.Domain, spec.ServerName, spec.Address.Addr().String())
	to := sip.Uri{Scheme: "sip", User: number, Host: domain}
	if user, host, ok := strings.Cut(number, "@"); ok {
		to.User, to.Host = user, host
	}
	call, fault := uac.Invite(ctx, end, conn, uac.Dialogless{
		Transport: spec.Check.Transport, Local: conn.LocalAddr(), Recipient: to, To: to,
		From: sip.Uri{Scheme: "sip", User: spec.Login.User, Host: domain}, UserAgent: "sipsteer",
	}, &uac.Auth{User: spec.Login.User, Password: spec.Login.Password}, manyCodecs(conn))
	if fault != nil {
		return Answer{"status": fault.Detail}, nil
	}
	_ = call.Bye(end)
	return Answer{"status": uac.Line(call.Response())}, call.Response()
}

// manyCodecs offers what phones speak, so that the choice is the softswitch's.
// No audio is wanted: the port is discard.
func manyCodecs(conn net.Conn) []byte {
	host := "0.0.0.0"
	if at, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		host = at.Addr().Unmap().String()
	}
	family := "IP4"
	if strings.Contains(host, ":") {
		family = "IP6"
	}
	return []byte("v=0\r\no=sipsteer 1 1 IN " + family + " " + host + "\r\ns=sipsteer\r\nc=IN " + family + " " + host + "\r\nt=0 0\r\n" +
		"m=audio 9 RTP/AVP 9 8 0 18 96 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n" +
		"a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n")
}

// media takes the SDP of an answer apart: its addresses and ports are left out.
func media(a Answer, body []byte) {
	var d sdp.SessionDescription
	if err := d.Unmarshal(body); err != nil {
		a["codecs"] = "no SDP"
		return
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" {
			continue
		}
		a["codecs"] = wire.Clean(strings.Join(codecs(m), ", "))
		a["media protocol"] = wire.Clean(strings.Join(m.MediaName.Protos, "/"))
		for _, at := range m.Attributes {
			switch at.Key {
			case "ptime", "maxptime":
				a[at.Key] = wire.Clean(at.Value)
			case "sendrecv", "sendonly", "recvonly", "inactive":
				a["direction"] = at.Key
			}
		}
	}
}

// codecs names the formats of an audio stream in the order of preference.
func codecs(m *sdp.MediaDescription) []string {
	names := map[string]string{"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "18": "G729/8000"}
	for _, at := range m.Attributes {
		if format, name, ok := strings.Cut(at.Value, " "); ok && at.Key == "rtpmap" {
			names[format] = name
		}
	}
	out := slices.Clone(m.MediaName.Formats)
	for i, f := range out {
		out[i] = cmp.Or(names[f], f)
	}
	return out
}

// numberForm is one way to write a number.
type numberForm struct{ name, number string }

// forms are other ways to dial the same number, if it is one of the telephone
// network: an extension has no other.
func forms(to string) []numberForm {
	user, host, _ := strings.Cut(to, "@")
	digits := strings.TrimPrefix(user, "+")
	if len(digits) < 8 || strings.Trim(digits, "0123456789") != "" {
		return nil
	}
	at := func(s string) string {
		if host != "" {
			return s + "@" + host
		}
		return s
	}
	return []numberForm{{"+E.164", at("+" + digits)}, {"digits", at(digits)}, {"00 before", at("00" + digits)}}
}

// formOf says how a number in a header is written, not which it is.
func formOf(value string) string {
	_, uri, ok := strings.Cut(value, "sip:")
	if ok && !strings.Contains(uri, "@") {
		return "no number"
	}
	if !ok {
		if _, uri, ok = strings.Cut(value, "tel:"); !ok {
			return "no sip or tel URI"
		}
	}
	user := uri[:strings.IndexFunc(uri+"@", func(r rune) bool { return strings.ContainsRune("@;>:", r) })]
	switch digits := strings.Trim(user, "0123456789"); {
	case user == "":
		return "no number"
	case digits == "+" && user[0] == '+':
		return "+E.164"
	case digits == "":
		return "digits"
	}
	return "a name"
}
