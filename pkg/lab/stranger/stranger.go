// Package stranger is one source outside the lab that speaks SIP over UDP: a
// customer's machines that flood a site, and the person beside them who has to
// call for help.
package stranger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipsteer/sipsteer/pkg/lab/internal/pause"
)

const (
	// beat is how often a flood sends a burst.
	beat = 20 * time.Millisecond
	// again is when a request is sent once more (Timer A of RFC 3261, which is
	// not doubled here: a lab is near).
	again = 500 * time.Millisecond
)

// ErrSilence is returned when nothing was answered.
var ErrSilence = errors.New("no answer")

// Stranger is one source. Each method takes a port of its own.
type Stranger struct {
	// Addr is its address.
	Addr netip.Addr
	// Domain is the SIP domain that it belongs to.
	Domain string
}

// Flood sends so many REGISTER requests a second until ctx ends. It asks before
// each burst where to; nowhere is no burst. What is answered is not read: it comes
// too fast.
func (s Stranger) Flood(ctx context.Context, perSecond int, to func() (netip.AddrPort, bool)) error {
	conn, err := s.listen()
	if err != nil {
		return err
	}
	defer conn.Close()
	for n := 0; pause.For(ctx, beat) == nil; {
		at, ok := to()
		if !ok {
			continue
		}
		for range perSecond * int(beat/time.Millisecond) / 1000 {
			n++
			msg := s.request(conn, "REGISTER", "sip:"+s.Domain, "neighbour", "flood-"+strconv.Itoa(n), "", "Expires: 60\r\n")
			_, _ = conn.WriteToUDPAddrPort([]byte(msg), at) // what is lost is a flood's
		}
	}
	return nil
}

// Call makes a call to a number and hangs up when it is answered. It returns the
// status of the final answer, or ErrSilence when there was none until ctx ended.
func (s Stranger) Call(ctx context.Context, to netip.AddrPort, number string) (int, error) {
	conn, err := s.listen()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	id := fmt.Sprintf("help-%d", time.Now().UnixNano())
	uri := "sip:" + number + "@" + s.Domain
	invite := s.request(conn, "INVITE", uri, number, id, "", "")
	answers := make([]byte, 4096)
	for ctx.Err() == nil {
		if _, err := conn.WriteToUDPAddrPort([]byte(invite), to); err != nil {
			return 0, fmt.Errorf("call %s: %w", number, err)
		}
		for until := time.Now().Add(again); ctx.Err() == nil; {
			_ = conn.SetReadDeadline(until)
			n, err := conn.Read(answers)
			if err != nil {
				break // too late, or an ICMP error of the one before
			}
			code, tag := statusOf(answers[:n], id)
			if code < 200 {
				continue
			}
			s.end(conn, to, uri, number, id, tag, code)
			return code, nil
		}
	}
	return 0, fmt.Errorf("call %s: %w", number, ErrSilence)
}

// end acknowledges the final answer, and hangs up what it began.
func (s Stranger) end(conn *net.UDPConn, to netip.AddrPort, uri, number, id, tag string, code int) {
	methods := []string{"ACK"}
	if code < 300 {
		methods = append(methods, "BYE")
	}
	for _, method := range methods {
		_, _ = conn.WriteToUDPAddrPort([]byte(s.request(conn, method, uri, number, id, tag, "")), to)
	}
}

func (s Stranger) listen() (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.Addr, 0)))
	if err != nil {
		return nil, fmt.Errorf("open a stranger's socket: %w", err)
	}
	return conn, nil
}

// request is a SIP message of its own transaction, of the call with that Call-ID.
func (s Stranger) request(conn *net.UDPConn, method, uri, user, id, toTag, more string) string {
	cseq := 1
	if method == "BYE" {
		cseq = 2
	}
	if toTag != "" {
		toTag = ";tag=" + toTag
	}
	return fmt.Sprintf("%[1]s %[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[4]s-%[1]s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:neighbour@%[5]s>;tag=n\r\nTo: <sip:%[6]s@%[5]s>%[7]s\r\nCall-ID: %[4]s\r\nCSeq: %[8]d %[1]s\r\n"+
		"Contact: <sip:neighbour@%[3]s>\r\n%[9]sContent-Length: 0\r\n\r\n", method, uri, conn.LocalAddr(), id, s.Domain, user, toTag, cseq, more)
}

// statusOf reads the status of an answer to the call with that Call-ID, and the
// tag of To; 0 for all else.
func statusOf(msg []byte, id string) (code int, tag string) {
	line, rest, _ := bytes.Cut(msg, []byte("\r\n"))
	words := bytes.SplitN(line, []byte(" "), 3)
	if len(words) < 2 || string(words[0]) != "SIP/2.0" || !bytes.Contains(rest, []byte("Call-ID: "+id+"\r\n")) {
		return 0, ""
	}
	code, err := strconv.Atoi(string(words[1]))
	if err != nil {
		return 0, ""
	}
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		if after, ok := bytes.CutPrefix(line, []byte("To: ")); ok {
			_, t, _ := bytes.Cut(after, []byte(";tag="))
			t, _, _ = bytes.Cut(t, []byte(";"))
			tag = string(t)
		}
	}
	return code, tag
}
