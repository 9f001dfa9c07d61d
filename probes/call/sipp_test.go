//go:build unix

package call

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/lab/loopbacktest"
	"github.com/sipsteer/sipsteer/probes/internal/wiretest"
)

// answered is a SIPp scenario that answers with an SDP whose audio line is
// AUDIO, and is hung up.
const answered = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="callee">
<recv request="INVITE" crlf="true"/>
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPp[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPp[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
AUDIO
a=rtpmap:0 PCMU/8000

]]></send>
<recv request="ACK" crlf="true"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
`

const busy = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="busy">
<recv request="INVITE" crlf="true"/>
<send retrans="500"><![CDATA[
SIP/2.0 486 Busy Here
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPp[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<recv request="ACK"/>
</scenario>
`

// sipp runs SIPp as callee on an address of its own until the test ends; wait
// returns when it has ended by itself.
func sipp(t *testing.T, scenario, transport string, more ...string) (addr netip.AddrPort, wait func() error) {
	t.Helper()
	binary := wiretest.Program(t, "sipp", "sip-tester")
	own := loopbacktest.Address(t, 5060, 6000, 6002)
	dir := t.TempDir()
	file := filepath.Join(dir, "callee.xml")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"-sf", file, "-t", transport, "-i", own.String(), "-p", "5060", "-mi", own.String(), "-mp", "6000", "-m", "1", "-nostdin",
	}, more...)
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Skipf("sipp does not start: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		for range ended { // until it is closed
		}
		if t.Failed() {
			t.Logf("sipp said:\n%s", said.String())
		}
	})
	addr = netip.AddrPortFrom(own, 5060)
	listening(t, addr, transport)
	return addr, func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Minute):
			t.Errorf("sipp has not ended:\n%s", said.String())
			return nil
		}
	}
}

// listening waits until a port is taken.
func listening(t *testing.T, addr netip.AddrPort, transport string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(time.Minute); time.Now().Before(late); <-tick.C {
		if transport == "t1" {
			if conn, err := net.Dial("tcp", addr.String()); err == nil {
				_ = conn.Close()
				return
			}
		} else if conn, err := net.ListenPacket("udp", addr.String()); err != nil {
			return
		} else {
			_ = conn.Close()
		}
	}
	t.Fatalf("nobody listens at %s", addr)
}

func TestAgainstSIPp(t *testing.T) {
	scenario := func(audio string) string { return strings.Replace(answered, "AUDIO", audio, 1) }
	const audio = "m=audio [media_port] RTP/AVP 0"
	for _, tt := range []struct {
		name, scenario string
		more           []string
		wants          string
		cause          health.Cause
		detail         string
	}{
		{"it echoes", scenario(audio), []string{"-rtp_echo"}, fleet.AudioEcho, "", "of the audio came back"},
		{"it is answered", scenario(audio), nil, fleet.AudioNone, "", "answered after"},
		{"it says nothing", scenario(audio), nil, fleet.AudioEcho, health.CauseNoAudio, "none came back"},
		{"it wants audio where nobody listens", scenario("m=audio 6900 RTP/AVP 0"), nil, fleet.AudioAnnounce, health.CauseNoAudio, "nobody listens at"},
		{"it has another codec", scenario("m=audio [media_port] RTP/AVP 9"), nil, fleet.AudioEcho, health.CauseNoAudio, "none of our codecs"},
		{"it is busy", busy, nil, fleet.AudioEcho, health.CauseStatus, "refused: 486 Busy Here"},
	} {
		for name, tr := range map[string]fleet.Transport{"u1": fleet.UDP, "t1": fleet.TCP} {
			if tr == fleet.TCP && tt.wants != fleet.AudioNone {
				continue // the audio is the same
			}
			t.Run(tt.name+" over "+tr.String(), func(t *testing.T) {
				addr, wait := sipp(t, tt.scenario, name, tt.more...)
				got := place(t, specTo(addr, tr, tt.wants), 20*time.Second)
				if got.Cause != tt.cause || !strings.Contains(got.Detail, tt.detail) {
					t.Errorf("%+v, want %q …%s…", got, tt.cause, tt.detail)
				}
				// SIPp counts a call that was not acknowledged and hung up as failed.
				if err := wait(); err != nil {
					t.Errorf("the callee says the call was not ended well: %v", err)
				}
			})
		}
	}
}

// TestAnAnnouncementIsNoEcho: audio comes, but not ours.
func TestAnAnnouncementIsNoEcho(t *testing.T) {
	for wants, cause := range map[string]health.Cause{fleet.AudioAnnounce: "", fleet.AudioEcho: health.CauseOneWay} {
		announcer, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := announcer.LocalAddr().(*net.UDPAddr).Port
		done := make(chan struct{})
		go func() { // one packet for each that comes
			defer close(done)
			buf := make([]byte, 2000)
			for seq := byte(0); ; seq++ {
				_, from, err := announcer.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = announcer.WriteTo(append([]byte{0x80, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 160)...), from)
			}
		}()
		peer := &script{}
		sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " + strconv.Itoa(port) + " RTP/AVP 0\r\n"
		addr := peer.udp(t, func(method, req string) []string {
			switch method {
			case "INVITE":
				head, _, _ := strings.Cut(status(req, "200 OK"), "Content-Length")
				return []string{head + "Content-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(sdp)) + "\r\n\r\n" + sdp}
			case "BYE":
				return []string{status(req, "200 OK")}
			}
			return nil
		})
		if got := place(t, specTo(addr, fleet.UDP, wants), 20*time.Second); got.Cause != cause {
			t.Errorf("%s is wanted: %+v", wants, got)
		}
		_ = announcer.Close()
		<-done
	}
}
