package dnsserver_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipsteer/sipsteer/dnsserver"
)

// never is a limit that no test lives to see: if the other limit does not cut
// the connection, the test runs into its patience and fails.
const never = 24 * time.Hour

// soon is a limit that is waited for.
const soon = 50 * time.Millisecond

// RFC 7766 §6.2.1: a client may send many questions without waiting, in any
// pieces; each is answered once, and here in order.
func TestPipelining(t *testing.T) {
	c := tcpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	const many = 300
	var stream []byte
	for i := range many {
		m := question("throng."+origin, dns.TypeSRV)
		m.Id = uint16(i)
		msg := packed(t, m)
		stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(msg))), msg...)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { // ends with its writes, at the latest at the deadline
		var err error
		for n := 1; len(stream) > 0 && err == nil; n = min(2*n, len(stream)) {
			n = min(n, len(stream))
			_, err = c.conn.Write(stream[:n])
			stream = stream[n:]
		}
		sent <- err
	}()
	for i := range many {
		out := unpacked(t, c.receive())
		if int(out.Id) != i || len(out.Answer) != 60 || out.Truncated {
			t.Fatalf("answer %d: %v", i, out.MsgHdr)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// RFC 7766 §8: a message may come octet by octet.
func TestMessageInPieces(t *testing.T) {
	c := tcpClient(t, start(t, dnsserver.Config{TCPMessage: never, TCPIdle: never}, testZone(7)))
	msg := packed(t, question(origin, dns.TypeSOA))
	stream := append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	for i := range stream {
		if _, err := c.conn.Write(stream[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if out := unpacked(t, c.receive()); out.Rcode != dns.RcodeSuccess {
		t.Error(out)
	}
}

// A client that has sent its last question still gets the answers.
func TestHalfClose(t *testing.T) {
	c := tcpClient(t, start(t, dnsserver.Config{}, testZone(7)))
	for range 3 {
		c.send(packed(t, question(origin, dns.TypeSOA)))
	}
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if c.receive() == nil {
			t.Fatal("connection ended before the last answer")
		}
	}
	if c.receive() != nil {
		t.Error("an answer too many")
	}
}

// RFC 7766 §6.2.3: who is quiet or slow is cut. Each case sends something and
// then waits for the end.
func TestSlowClientsAreCut(t *testing.T) {
	whole := packed(t, question(origin, dns.TypeSOA))
	framed := string(binary.BigEndian.AppendUint16(nil, uint16(len(whole)))) + string(whole)
	for _, tc := range []struct {
		name          string
		send          string
		answers       int
		idle, message time.Duration
	}{
		{"never says anything", "", 0, never, soon},
		{"half a length", framed[:1], 0, never, soon},
		{"a length and no more", framed[:2], 0, never, soon},
		{"half a question", framed[:9], 0, never, soon},
		{"one question, then nothing", framed, 1, soon, never},
		{"one question, then half of one", framed + framed[:9], 1, never, soon},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, dnsserver.Config{TCPIdle: tc.idle, TCPMessage: tc.message}, testZone(7))
			c := tcpClient(t, s)
			if _, err := io.WriteString(c.conn, tc.send); err != nil {
				t.Fatal(err)
			}
			for range tc.answers {
				if c.receive() == nil {
					t.Fatal("cut before the answer")
				}
			}
			c.cut()
			stop(t, s)
			if got := s.Stats(); got.TCPCut != 1 || got.TCPOpen != 0 {
				t.Errorf("cut %d, open %d", got.TCPCut, got.TCPOpen)
			}
		})
	}
}

// Who asks and does not take the answers is cut too, since its answers would
// fill memory.
func TestClientThatDoesNotRead(t *testing.T) {
	s := start(t, dnsserver.Config{TCPIdle: never, TCPMessage: soon}, testZone(7))
	c := tcpClient(t, s)
	for {
		err := c.write(packed(t, question("throng."+origin, dns.TypeSRV)))
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("neither cut nor slowed down")
		}
		if err != nil {
			return // reset by the server
		}
	}
}

// With as many stuck clients as there may be connections, a new client still
// gets in, for the one that was quiet longest, and UDP does not notice.
func TestStuckClientsDoNotKeepOthersOut(t *testing.T) {
	const most = 8
	s := start(t, dnsserver.Config{TCPMaxConns: most, TCPIdle: never, TCPMessage: never}, testZone(7))
	var stuck []*client
	for range most {
		c := tcpClient(t, s)
		c.ask(question(origin, dns.TypeSOA)) // accepted for sure
		if _, err := io.WriteString(c.conn, "\x00\x40half"); err != nil {
			t.Fatal(err)
		}
		stuck = append(stuck, c)
	}
	if out := udpClient(t, s).ask(question(origin, dns.TypeSOA)); out.Rcode != dns.RcodeSuccess {
		t.Errorf("over UDP: %v", out)
	}
	if out := tcpClient(t, s).ask(question(origin, dns.TypeSOA)); out.Rcode != dns.RcodeSuccess {
		t.Errorf("over TCP: %v", out)
	}
	stuck[0].cut()
	if got := s.Stats(); got.TCPOpen > most || got.TCPCut != 1 || got.TCPAccepted != most+1 {
		t.Errorf("open %d, cut %d, accepted %d", got.TCPOpen, got.TCPCut, got.TCPAccepted)
	}
}
