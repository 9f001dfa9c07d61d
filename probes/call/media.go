package call

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/rtp"

	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

const (
	frame       = 20 * time.Millisecond // of audio in a packet
	frameOctets = 160                   // of G.711 in it
	markOctets  = 16                    // by which our own audio is known again
	// onTheWay is how long the last packets may take to come back.
	onTheWay = 300 * time.Millisecond
)

// ear is our end of an audio stream: it sends G.711 silence that begins with a
// mark, and counts what comes.
type ear struct {
	conn *net.UDPConn
	mark [markOctets]byte

	mu sync.Mutex
	heard
}

// heard is what came in.
type heard struct {
	packets int                     // that are RTP
	own     int                     // that carry our mark: they went both ways
	seen    map[uint16]bool         // sequence numbers, so that a duplicate counts once
	span    map[uint32]sequenceSpan // by source
	odd     int                     // datagrams that are no RTP
	sent    int                     // packets of ours
}

// sequenceSpan is what came of one source, from the first number on.
type sequenceSpan struct {
	first, last uint16
	packets     int
}

func openEar(local netip.Addr) (*ear, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	e := &ear{conn: conn, heard: heard{seen: map[uint16]bool{}, span: map[uint32]sequenceSpan{}}}
	_, _ = rand.Read(e.mark[:])
	return e, nil
}

func (e *ear) address() netip.AddrPort {
	a := e.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (e *ear) close() { _ = e.conn.Close() }

// listen counts until the ear is closed.
func (e *ear) listen() {
	buf := make([]byte, 2048)
	for {
		n, _, err := e.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			e.take(buf[:n])
		}
	}
}

func (e *ear) take(octets []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var p rtp.Packet
	if err := p.Unmarshal(octets); err != nil || p.Version != 2 {
		e.odd++
		return
	}
	s, known := e.span[p.SSRC]
	if !known {
		s = sequenceSpan{first: p.SequenceNumber, last: p.SequenceNumber}
	}
	if int16(p.SequenceNumber-s.last) > 0 {
		s.last = p.SequenceNumber
	}
	s.packets++
	e.span[p.SSRC] = s
	e.packets++
	if len(p.Payload) > markOctets && [markOctets]byte(p.Payload[:markOctets]) == e.mark {
		if seq := uint16(p.Payload[markOctets]); !e.seen[seq] {
			e.seen[seq] = true
			e.own++
		}
	}
}

func (e *ear) result() heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return heard{packets: e.packets, own: e.own, odd: e.odd, sent: e.sent, span: maps.Clone(e.span)}
}

// gaps is the share of packets that are missing between the first and the last
// of each source.
func (h heard) gaps() float64 {
	want, have := 0, 0
	for _, s := range h.span {
		want += int(s.last-s.first) + 1
		have += min(s.packets, int(s.last-s.first)+1)
	}
	if want == 0 {
		return 0
	}
	return 1 - float64(have)/float64(want)
}

// maxFrames is how many packets one call sends at most: the mark is followed by
// one octet that tells them apart.
const maxFrames = 250

// send sends audio until ctx ends. The mark
// is octets that mean little in G.711: a click in 20 ms.
func (e *ear) send(ctx context.Context, s stream) {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: s.payload, SSRC: source(), Marker: true}, Payload: make([]byte, frameOctets)}
	for i := range p.Payload {
		p.Payload[i] = silence(s.payload)
	}
	copy(p.Payload, e.mark[:])
	for sent := 0; ; {
		p.Payload[markOctets] = byte(sent)
		if octets, err := p.Marshal(); err == nil {
			_, _ = e.conn.WriteToUDPAddrPort(octets, s.to)
		}
		sent++
		e.mu.Lock()
		e.sent = sent
		e.mu.Unlock()
		p.SequenceNumber++
		p.Timestamp += frameOctets
		p.Marker = false
		if sent == maxFrames {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func source() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// silence is the octet of no sound (ITU-T G.711).
func silence(payload uint8) byte {
	if payload == pcma {
		return 0xd5
	}
	return 0xff
}

// nobodyThere reports whether the port that an answer named is closed. It is
// asked only when no audio came back, since the question comes from another port
// than the audio.
func nobodyThere(ctx context.Context, to netip.AddrPort) bool {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(onTheWay))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write([]byte{0x80, pcmu, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_, err = conn.Read(make([]byte, 1))
	return errors.Is(err, syscall.ECONNREFUSED)
}

// remark writes down what was heard, if anybody records.
func (h heard) remark(ctx context.Context, who string) {
	wire.Remark(ctx, "%s sent %d RTP packets, received %d, %d of them its own, %.0f %% missing in between", who, h.sent, h.packets, h.own, 100*h.gaps())
	if h.odd > 0 {
		wire.Remark(ctx, "%s received %d datagrams that are no RTP", who, h.odd)
	}
}

func percent(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }
