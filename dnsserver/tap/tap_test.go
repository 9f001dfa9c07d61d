package tap_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	dnstap "github.com/dnstap/golang-dnstap"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sipsteer/sipsteer/dnsserver/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds each wait.
const patience = 30 * time.Second

func start(t *testing.T, cfg tap.Config) *tap.Tap {
	t.Helper()
	cfg.Logger = zerolog.Nop()
	x, err := tap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	x.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := x.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return x
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if is() {
			return
		}
	}
	t.Fatalf("not so: %s", what)
}

// checkSample compares one frame with what was given.
func checkSample(t *testing.T, d *dnstap.Dnstap) {
	t.Helper()
	m := d.GetMessage()
	if string(d.Identity) != "calgary" || string(d.Version) != "sipsteer test" || m.GetType() != dnstap.Message_AUTH_RESPONSE {
		t.Errorf("%v", d)
	}
	if !bytes.Equal(m.QueryAddress, []byte{192, 0, 2, 1}) || m.GetQueryPort() != 5353 || m.GetSocketProtocol() != dnstap.SocketProtocol_TCP || m.GetQueryTimeSec() == 0 {
		t.Errorf("%v", m)
	}
	if string(m.QueryMessage) != "question" || string(m.ResponseMessage) != "answer" {
		t.Errorf("%q, %q", m.QueryMessage, m.ResponseMessage)
	}
}

var client = netip.MustParseAddrPort("192.0.2.1:5353")

// A collector that comes late, goes and comes back gets samples while it is
// there, and nobody waits meanwhile.
func TestCollectorComesAndGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	x := start(t, tap.Config{Network: "unix", Address: path, Sample: 1, PerSecond: 1 << 20, Identity: "calgary", Version: "sipsteer test"})
	take := func() { x.Take(tap.TCP, client, []byte("question"), []byte("answer")) }
	for range 5000 { // more than the queue holds, with nobody there
		take()
	}
	eventually(t, "what nobody takes is lost, and counted", func() bool { return x.Stats().Lost >= 4000 })
	for range 2 {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan *dnstap.Dnstap, 1)
		ended := make(chan error, 1)
		go func() { ended <- collectOne(l, got) }()
		eventually(t, "a sample arrives", func() bool {
			take()
			return len(got) > 0
		})
		checkSample(t, <-got)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if s := x.Stats(); s.Sent < 2 {
		t.Errorf("%+v", s)
	}
}

// collectOne reads the first frame of one connection.
func collectOne(l net.Listener, got chan<- *dnstap.Dnstap) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := dnstap.NewReader(c, &dnstap.ReaderOptions{Bidirectional: true, Timeout: patience})
	if err != nil {
		return err
	}
	d := &dnstap.Dnstap{}
	if err := dnstap.NewDecoder(r, 1<<16).Decode(d); err != nil {
		return err
	}
	got <- d
	return nil
}

// The collector that others use reads what is written.
func TestRealCollector(t *testing.T) {
	if _, err := exec.LookPath("fstrm_capture"); err != nil {
		t.Skip("fstrm_capture (fstrm-bin) is not installed")
	}
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "tap"), filepath.Join(dir, "captured")
	said := &bytes.Buffer{}
	cmd := exec.Command("fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", socket, "-w", file)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
		}
	}
	defer end()
	eventually(t, "fstrm_capture listens", func() bool {
		_, err := os.Stat(socket)
		return err == nil
	})
	x := start(t, tap.Config{Network: "unix", Address: socket, Sample: 1, Identity: "calgary", Version: "sipsteer test"})
	eventually(t, "samples are sent", func() bool {
		x.Take(tap.TCP, client, []byte("question"), []byte("answer"))
		return x.Stats().Sent > 10
	})
	stop, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := x.Stop(stop); err != nil {
		t.Error(err)
	}
	end() // writes out what it has
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := dnstap.NewReader(f, nil)
	if err != nil {
		t.Fatalf("%v; fstrm_capture said %s", err, said)
	}
	n := 0
	for d := dnstap.NewDecoder(r, 1<<16); ; n++ {
		sample := &dnstap.Dnstap{}
		if err := d.Decode(sample); err != nil {
			if err != io.EOF {
				t.Log(err)
			}
			break
		}
		checkSample(t, sample)
	}
	if n == 0 {
		t.Errorf("no sample in the file; fstrm_capture said %s", said)
	}
}

// No more than the limit are taken in a second, a long answer is left out, and
// the nil Tap takes nothing.
func TestBounds(t *testing.T) {
	x, err := tap.New(tap.Config{Network: "tcp", Address: "127.0.0.1:1", PerSecond: 100})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for range 400 {
		x.Take(tap.UDP, client, []byte("question"), make([]byte, 65535))
	}
	if lost, seconds := x.Stats().Lost, int(time.Since(begin)/time.Second)+2; lost < uint64(max(0, 400-100*seconds)) {
		t.Errorf("%d lost of 400 in %d seconds", lost, seconds)
	}
	if n := testing.AllocsPerRun(100, func() { x.Take(tap.UDP, client, []byte("question"), nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	var none *tap.Tap
	if none.Start(); none.Every() != 0 || none.Stats() != (tap.Stats{}) || none.Stop(t.Context()) != nil {
		t.Error("a Tap that is none does something")
	}
	for _, cfg := range []tap.Config{{}, {Network: "udp", Address: "x"}, {Network: "unix"}, {Network: "tcp", Address: "x", Sample: -1}} {
		if _, err := tap.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
