package call

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pion/sdp/v3"
)

// Payload types of RFC 3551 §6.
const (
	pcmu = 0
	pcma = 8
)

// offer describes one audio stream at an address: G.711, both ways (RFC 3264 §5).
func offer(at netip.AddrPort) ([]byte, error) {
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	d := sdp.SessionDescription{
		Origin:                sdp.Origin{Username: "sipsteer", SessionID: 1, SessionVersion: 1, NetworkType: "IN", AddressType: family, UnicastAddress: at.Addr().String()},
		SessionName:           "sipsteer",
		ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: family, Address: &sdp.Address{Address: at.Addr().String()}},
		TimeDescriptions:      []sdp.TimeDescription{{}},
		MediaDescriptions: []*sdp.MediaDescription{{
			MediaName:  sdp.MediaName{Media: "audio", Port: sdp.RangedPort{Value: int(at.Port())}, Protos: []string{"RTP", "AVP"}, Formats: []string{"0", "8"}},
			Attributes: []sdp.Attribute{{Key: "rtpmap", Value: "0 PCMU/8000"}, {Key: "rtpmap", Value: "8 PCMA/8000"}, {Key: "ptime", Value: "20"}, {Key: "sendrecv"}},
		}},
	}
	return d.Marshal()
}

// stream is what the other side agreed to.
type stream struct {
	to      netip.AddrPort
	payload uint8
	// sends and takes are its directions: it sends to us, it takes from us.
	sends, takes bool
}

var errNoAudio = errors.New("it agrees to no audio")

// agreed reads an answer.
func agreed(body []byte) (stream, error) {
	var d sdp.SessionDescription
	if err := d.Unmarshal(body); err != nil {
		return stream{}, fmt.Errorf("no SDP: %w", err)
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			continue
		}
		where := m.ConnectionInformation
		if where == nil {
			where = d.ConnectionInformation
		}
		if where == nil || where.Address == nil {
			return stream{}, errors.New("an SDP without an address")
		}
		addr, err := netip.ParseAddr(where.Address.Address)
		if err != nil {
			return stream{}, fmt.Errorf("an SDP without an address: %w", err)
		}
		s := stream{to: netip.AddrPortFrom(addr, uint16(m.MediaName.Port.Value)), sends: true, takes: true}
		s.directions(&d, m)
		for _, f := range m.MediaName.Formats {
			if n, err := strconv.Atoi(f); err == nil && (n == pcmu || n == pcma) {
				s.payload = uint8(n)
				return s, nil
			}
		}
		return stream{}, fmt.Errorf("it agrees to none of our codecs, but to %q", m.MediaName.Formats)
	}
	return stream{}, errNoAudio
}

// directions reads sendonly and the like, which stand with the stream or with
// the session.
func (s *stream) directions(d *sdp.SessionDescription, m *sdp.MediaDescription) {
	for _, a := range append(append([]sdp.Attribute{}, d.Attributes...), m.Attributes...) {
		switch a.Key {
		case "sendrecv":
			s.sends, s.takes = true, true
		case "sendonly":
			s.sends, s.takes = true, false
		case "recvonly":
			s.sends, s.takes = false, true
		case "inactive":
			s.sends, s.takes = false, false
		}
	}
}
