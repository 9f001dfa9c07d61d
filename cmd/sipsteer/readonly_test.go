package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sickDisk is a small ext4 file system in a file, which is mounted over an
// agent's data directory in a mount namespace of the agent's own. An error in it
// makes the kernel mount it read-only, as it does with a disk that fails.
type sickDisk struct {
	t          *testing.T
	image, dir string
}

func newSickDisk(t *testing.T, dir string) *sickDisk {
	t.Helper()
	for _, tool := range []string{"unshare", "nsenter", "mkfs.ext4", "e2fsck", "losetup", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian packages util-linux, mount and e2fsprogs)", tool)
		}
	}
	d := &sickDisk{t: t, image: filepath.Join(t.TempDir(), "disk.img"), dir: dir}
	if out, err := d.script(`truncate -s 64M "$IMAGE" && mkfs.ext4 -q -F "$IMAGE" && M=$(mktemp -d) && mount -o loop "$IMAGE" "$M" &&
		cp -a "$DIR/." "$M/" && umount "$M" && rmdir "$M" && ls /sys/fs/ext4/features`).CombinedOutput(); err != nil {
		t.Skipf("no ext4 in a loop device in a mount namespace of our own: %v\n%s(needs root and loop devices)", err, out)
	}
	return d
}

// script runs in a mount namespace that ends with it.
func (d *sickDisk) script(text string, args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"-m", "/bin/sh", "-c", text, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "IMAGE="+d.image, "DIR="+d.dir)
	return cmd
}

// agent runs an agent on the disk, mounted rw or ro, until stop.
func (d *sickDisk) agent(l *testLab, mode, file string) (pid int, stop func()) {
	d.t.Helper()
	plain := program(d.t, l.env(), "agent", "--config", file)
	cmd := d.script(`mount -o loop,errors=remount-ro "$IMAGE" "$DIR" && mount -o "remount,$MODE" "$DIR" && exec "$@"`, plain.Args...)
	cmd.Env = append(plain.Env, "IMAGE="+d.image, "DIR="+d.dir, "MODE="+mode)
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	stop = untilStopped(d.t, cmd, func(err error) {
		if d.t.Failed() {
			lines := strings.Split(out.String(), "\n")
			d.t.Logf("agent on the disk ended, %v:\n%s", err, strings.Join(lines[max(0, len(lines)-25):], "\n"))
		}
	})
	return cmd.Process.Pid, stop
}

// fail makes the kernel find an error in the file system.
func (d *sickDisk) fail() {
	d.t.Helper()
	out, err := exec.Command("losetup", "-n", "-O", "NAME", "-j", d.image).Output()
	device := filepath.Base(strings.TrimSpace(string(out)))
	if err == nil {
		err = os.WriteFile("/sys/fs/ext4/"+device+"/trigger_fs_error", []byte("sipsteer test"), 0)
	}
	if err != nil {
		d.t.Fatalf("make device %q fail: %v", device, err)
	}
}

// TestDiskTurnsReadOnly under a running agent, as the kernel turns it when it
// finds an error, and is still so when the agent starts: it answers throughout,
// says what is wrong and what to do, and takes part again when it can write.
func TestDiskTurnsReadOnly(t *testing.T) {
	l := newLab(t)
	calgary := l.servers()[0].String()
	config := filepath.Join(l.dir, "calgary.yaml")
	first := func() string { target, _ := l.stale(calgary); return target }
	problem := func() string { return l.status().Agents[0].Problem }
	follows := func() bool {
		st := l.status()
		return st.Quorum && st.Agents[0].Reachable && st.Agents[0].Problem == "" && st.Agents[0].Epoch == st.Epoch
	}
	l.must(0, "lab", "break", "calgary", "agent-kill")
	disk := newSickDisk(t, filepath.Join(l.dir, "data", "calgary"))
	_, stop := disk.agent(l, "rw", config)
	eventually(t, "calgary takes part from its own disk", patience, follows)

	disk.fail()
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	eventually(t, "status says what is wrong with calgary's disk, and what to do", patience, func() bool {
		p := problem()
		return strings.Contains(p, "read-only file system") && strings.Contains(p, "mount it for writing")
	})
	eventually(t, "calgary answers, and that it may be of an earlier time", patience, func() bool { _, stale := l.stale(calgary); return stale })
	if first() == "" {
		t.Error("calgary answers nothing")
	}
	if r := l.run("doctor"); !strings.Contains(r.out, "disk refuses writes") || !strings.Contains(r.out, "calgary") {
		t.Errorf("doctor:\n%s%s", r.out, r.err)
	}
	if r := l.must(0, "status"); !strings.Contains(r.out, "read-only file system") {
		t.Errorf("status:\n%s", r.out)
	}
	stop()

	if out, err := exec.Command("e2fsck", "-fy", disk.image).CombinedOutput(); err != nil && !bytes.Contains(out, []byte("FILE SYSTEM WAS MODIFIED")) {
		t.Fatalf("e2fsck: %v\n%s", err, out)
	}
	pid, stop := disk.agent(l, "ro", config)
	eventually(t, "calgary answers from a disk that is read-only when it starts", patience, func() bool { _, stale := l.stale(calgary); return stale })
	eventually(t, "and says so", patience, func() bool {
		p := problem()
		return strings.Contains(p, "answers only") && strings.Contains(p, "mount it for writing")
	})
	remount := exec.Command("nsenter", "-m", "-t", strconv.Itoa(pid), "mount", "-o", "remount,rw", disk.dir)
	if out, err := remount.CombinedOutput(); err != nil {
		t.Fatalf("mount it for writing: %v\n%s", err, out)
	}
	eventually(t, "calgary takes part again by itself", patience, follows)
	eventually(t, "and answers as it is drained, not stale", patience, func() bool {
		target, stale := l.stale(calgary)
		return strings.HasPrefix(target, "sip.vancouver") && !stale
	})
	stop()
	l.must(0, "lab", "heal", "calgary")
}
