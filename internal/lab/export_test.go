package lab

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// What the tests of the pure and of the small parts use.

// Choose picks among Javas of the given versions; 0 for none.
func Choose(e Engine, majors ...int) int {
	r, err := e.recipe()
	if err != nil {
		return 0
	}
	var javas []java
	for _, m := range majors {
		javas = append(javas, java{major: m})
	}
	j, _ := choose(javas, r)
	return j.major
}

// MajorOf and Unzip are as they are.
func MajorOf(text string) int         { return majorOf(text) }
func Unzip(archive, dir string) error { return unzip(archive, dir) }

// Sweep removes dead labs' folders older than old.
func Sweep(temp string, old time.Time) { sweep(temp, old) }

// LockFolder makes the lock of a lab's folder.
func LockFolder(ctx context.Context, dir string) (unlock func() error, err error) {
	return lockFile(ctx, dir+"/"+folderLock)
}

// PasswordHash makes a hash for the engine's file.
func PasswordHash(password string) (string, error) { return passwordHash(password) }

// Cached is a lab's cache in dir.
func Cached(ctx context.Context, dir, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	return (&Lab{cache: dir}).Cached(ctx, name, fill)
}

// Reach opens the way to path for a user that is nobody here.
func Reach(path string) error {
	return (&account{name: "stranger", uid: 1 << 20, gid: 1 << 20}).reach(path)
}

// YML is the configuration of the first of n nodes.
func YML(e Engine, n int, s Spec) string {
	r, err := e.recipe()
	if err != nil {
		return err.Error()
	}
	c := &Cluster{Engine: e, Name: "test", spec: s, recipe: r, dir: "/lab/test"}
	for i := range n {
		c.nodes = append(c.nodes, node{name: "node-" + string(rune('1'+i)), dir: "/lab/test/node", http: 9200 + i, internal: 9300 + i})
	}
	return c.yml(c.nodes[0])
}

// Whole tells whether what listens on a port is a cluster as a whole.
func Whole(ctx context.Context, port int) (bool, error) {
	return (&Cluster{nodes: []node{{http: port}}}).whole(ctx, http.DefaultTransport)
}

// Hold takes ports.
func Hold(ctx context.Context, first, n int) ([]io.Closer, bool) { return hold(ctx, first, n) }

// Process is a child.
type Process struct{ *process }

// Launch starts a shell with its log in dir.
func Launch(ctx context.Context, dir, script string) (Process, error) {
	p, err := launch(ctx, command{name: "shell", path: "/bin/sh", args: []string{"-c", script}, env: os.Environ(), dir: dir, log: dir + "/log"})
	return Process{p}, err
}

// PID and the others are as they are.
func (p Process) PID() int      { return p.pid }
func (p Process) Stop()         { p.stop() }
func (p Process) Kill()         { p.kill() }
func (p Process) Freeze()       { p.freeze() }
func (p Process) Thaw()         { p.thaw() }
func (p Process) Running() bool { return p.running() }
func (p Process) Ended() error  { return p.ended() }

// Done is closed at the end.
func (p Process) Done() <-chan struct{} { return p.done }

// Log is what it has said.
func (p Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// Watchdog guards a group.
func Watchdog(ctx context.Context, pid int) (release func(), err error) {
	return watchdog(ctx, pid, nil)
}
