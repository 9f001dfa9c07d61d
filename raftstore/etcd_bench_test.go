package raftstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/raftstore/raftstoretest"
)

// etcd is Debian's etcd, three processes on this machine with their own disks'
// directories, spoken to by its JSON gateway: what a program without its client
// library would do. Its times hold that gateway's.
type etcd struct {
	b     *testing.B
	hosts []string
	procs []*exec.Cmd
	http  *http.Client

	mu     sync.Mutex
	leader int // guarded by mu
}

// newEtcd starts the cluster, or skips the benchmark where etcd is missing. The
// timeouts are etcd's own when tuned is false, else those of the LAN profile.
func newEtcd(b *testing.B, tuned bool) *etcd {
	b.Helper()
	exe, err := exec.LookPath("etcd")
	if err != nil {
		b.Skip("etcd is not installed (Debian package etcd-server)")
	}
	e := &etcd{b: b, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}, Timeout: 5 * time.Second}}
	var cluster []string
	for i := range 3 {
		host, _, _ := strings.Cut(raftstoretest.Address(b), ":")
		e.hosts = append(e.hosts, host)
		cluster = append(cluster, fmt.Sprintf("e%d=http://%s:2380", i, host))
	}
	for i, host := range e.hosts {
		args := []string{
			"--name", fmt.Sprint("e", i), "--data-dir", filepath.Join(b.TempDir(), fmt.Sprint(i)), "--log-level", "error",
			"--listen-peer-urls", "http://" + host + ":2380", "--initial-advertise-peer-urls", "http://" + host + ":2380",
			"--listen-client-urls", "http://" + host + ":2379", "--advertise-client-urls", "http://" + host + ":2379",
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
		}
		if tuned {
			args = append(args, "--heartbeat-interval", "12", "--election-timeout", "120")
		}
		cmd := exec.Command(exe, args...)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		e.procs = append(e.procs, cmd)
	}
	raftstoretest.Eventually(b, "etcd to commit", func() bool { return e.propose(benchEntry) == nil })
	e.findLeader()
	return e
}

// call speaks to one member.
func (e *etcd) call(i int, path string, body any, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	resp, err := e.http.Post("http://"+e.hosts[i]+":2379"+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd: %s %s %w", resp.Status, got, err)
	}
	return json.Unmarshal(got, out)
}

// propose puts one value at the leader.
func (e *etcd) propose(data []byte) error {
	e.mu.Lock()
	leader := e.leader
	e.mu.Unlock()
	return e.put(leader, data)
}

func (e *etcd) put(i int, data []byte) error {
	key := base64.StdEncoding.EncodeToString([]byte("k"))
	return e.call(i, "/v3/kv/put", map[string]string{"key": key, "value": base64.StdEncoding.EncodeToString(data)}, &struct{}{})
}

// findLeader asks who leads.
func (e *etcd) findLeader() {
	for i := range e.hosts {
		var st struct {
			Leader string `json:"leader"`
			Header struct {
				Member string `json:"member_id"`
			} `json:"header"`
		}
		if e.call(i, "/v3/maintenance/status", struct{}{}, &st) == nil && st.Leader == st.Header.Member {
			e.mu.Lock()
			e.leader = i
			e.mu.Unlock()
		}
	}
}

// loseLeader kills the leader's process and returns how long it took until one of
// the others committed.
func (e *etcd) loseLeader() time.Duration {
	start := time.Now()
	if err := e.procs[e.leader].Process.Kill(); err != nil {
		e.b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(e.b.Context(), raftstoretest.Patience)
	defer cancel()
	e.http.Timeout = 50 * time.Millisecond // a follower waits for the dead leader's answer
	for ctx.Err() == nil {
		for i := range e.hosts {
			if i != e.leader && e.put(i, benchEntry) == nil {
				return time.Since(start)
			}
		}
	}
	e.b.Fatal("etcd did not find another leader")
	return 0
}

func (e *etcd) close() {
	for _, p := range e.procs {
		_ = p.Process.Kill()
		_ = p.Wait()
	}
	e.http.CloseIdleConnections()
}

// BenchmarkPeersLeaderKilled is BenchmarkLeaderLost for the anchors: the bare
// library at its defaults, and etcd at its own and with LAN timings. Each round is
// a cluster of its own.
func BenchmarkPeersLeaderKilled(b *testing.B) {
	for name, lose := range map[string]func(b *testing.B) time.Duration{
		"bare": func(b *testing.B) time.Duration {
			p := raftstoretest.NewBare(b)
			defer p.Close()
			return p.LoseLeader(b, benchEntry)
		},
		"etcd": func(b *testing.B) time.Duration {
			e := newEtcd(b, false)
			defer e.close()
			return e.loseLeader()
		},
		"etcd-tuned": func(b *testing.B) time.Duration {
			e := newEtcd(b, true)
			defer e.close()
			return e.loseLeader()
		},
	} {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				times = append(times, lose(b))
			}
			report(b, times, "")
		})
	}
}
