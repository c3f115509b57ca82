package takeover_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/group"
	"esferry/internal/retry"
)

// fillVariable makes this binary a process that fills a store until it is killed.
const fillVariable = "TAKEOVER_TEST_FILL"

// filled is how many records one commit of it has: several transactions.
const filled = 350

// fill commits the same number to all records, for ever, and prints each once it
// is durable.
func fill(ctx context.Context, endpoint string) error {
	s, err := etcdstore.Open(ctx, etcdstore.Options{Endpoints: []string{endpoint}, Root: "/fill/", TTL: 2 * time.Second})
	if err != nil {
		return err
	}
	lease, err := s.Acquire(ctx, checkpoint.Holder{Host: "child", PID: os.Getpid()})
	if err != nil {
		return err
	}
	last, err := s.Load(ctx, "000")
	if err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
		return err
	}
	n, _ := strconv.Atoi(string(last)) //nolint:errcheck // none there is zero
	for {
		n++
		if err := s.Commit(ctx, lease, all(strconv.Itoa(n))...); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func all(value string) (out []checkpoint.Record) {
	for i := range filled {
		out = append(out, checkpoint.Record{Key: fmt.Sprintf("%03d", i), Value: []byte(value)})
	}
	return out
}

// TestKilled kills a process within commits of several transactions, again and
// again: the next one finds every commit whole, and none lost that was durable.
func TestKilled(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	for _, commits := range []int{1, 4, 2, 7} {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), fillVariable+"="+c.endpoints()[0])
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		said := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if said, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if commits--; commits == 0 {
				// Somewhere within the next one.
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, ended := errors.AsType[*exec.ExitError](child.Wait()); !ended || commits > 0 {
			t.Fatalf("it ended by itself, %d commits early", commits)
		}
		whole(t, c, said)
	}
}

// whole reads beside nobody, then as the next holder.
func whole(t *testing.T, c *members, said int) {
	t.Helper()
	s := open(t, etcdstore.Options{Endpoints: c.endpoints(), Root: "/fill/", TTL: 2 * time.Second})
	look := func(when string) int {
		t.Helper()
		found, err := s.List(t.Context(), "")
		if err != nil || len(found) != filled {
			t.Fatalf("%s: got %d records, %v, want %d", when, len(found), err, filled)
		}
		for _, r := range found {
			if string(r.Value) != string(found[0].Value) {
				t.Fatalf("%s: a part of a commit: %s beside %s", when, r.Value, found[0].Value)
			}
		}
		n, err := strconv.Atoi(string(found[0].Value))
		if err != nil || n < said || n > said+1 {
			t.Fatalf("%s: got %d, %v, want %d or one more", when, n, err, said)
		}
		return n
	}
	before := look("after the kill")
	if _, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "next", PID: 1}); err != nil {
		t.Fatal(err)
	}
	if after := look("once taken over"); after != before {
		t.Errorf("taking over changed %d to %d", before, after)
	}
	left, err := c.client(t).Get(t.Context(), "/fill/journal")
	if err != nil || len(left.Kvs) > 0 {
		t.Errorf("the journal: got %v, %v, want it gone", left, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// cutting is a way to a member that breaks off, whatever is on it.
type cutting struct {
	to string
	// late is by how much each piece comes.
	late time.Duration

	mu   sync.Mutex
	open []net.Conn
	cuts int
	// left is how often it may break off until it is told again.
	left int
}

// allow lets it break off so many times more.
func (c *cutting) allow(times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = times
}

func (c *cutting) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) == 0 || c.left == 0 {
		return
	}
	for _, x := range c.open {
		_ = x.Close() //nolint:errcheck // that it breaks is the point
	}
	c.cuts, c.left, c.open = c.cuts+1, c.left-1, nil
}

func (c *cutting) serve(ctx context.Context, g *group.Group, l net.Listener) error {
	for {
		in, err := l.Accept()
		if err != nil {
			return nil //nolint:nilerr // the test is over
		}
		out, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.to)
		if err != nil {
			return errors.Join(err, in.Close())
		}
		c.mu.Lock()
		c.open = append(c.open, in, out)
		c.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			g.Go("way", func(ctx context.Context) error {
				_, _ = io.Copy(way[0], lateReader{Reader: way[1], ctx: ctx, late: c.late}) //nolint:errcheck // that it breaks is the point
				_ = way[0].Close()                                                         //nolint:errcheck // see above
				return nil
			})
		}
	}
}

// lateReader gives what it reads later.
type lateReader struct {
	io.Reader
	ctx  context.Context
	late time.Duration
}

func (r lateReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == nil && r.late > 0 {
		err = retry.Sleep(r.ctx, r.late)
	}
	return n, err
}

// behind gives the endpoint of a member at the other end of a way, until end.
func behind(t *testing.T, way *cutting) (endpoint string, end func()) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, _ := group.New(context.WithoutCancel(t.Context()))
	g.Go("proxy", func(ctx context.Context) error { return way.serve(ctx, g, l) })
	return "http://" + l.Addr().String(), func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		way.allow(1)
		way.cut()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestRunsOutAtOnce takes each lease away as soon as it is granted: what is to be
// written under it fails as it does for a lease that is lost, so that a worker tries
// again, and not for a reason that nobody knows.
func TestRunsOutAtOnce(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	way := &cutting{to: strings.TrimPrefix(c.endpoints()[0], "http://"), late: 300 * time.Millisecond}
	endpoint, end := behind(t, way)
	s := open(t, etcdstore.Options{Endpoints: []string{endpoint}, Root: "/x/"})
	operator := c.client(t)
	taking, enough := context.WithCancel(t.Context())
	g, _ := group.New(context.WithoutCancel(t.Context()))
	g.Go("operator", func(context.Context) error {
		for retry.Sleep(taking, 10*time.Millisecond) == nil {
			granted, err := operator.Leases(taking)
			if err != nil {
				continue
			}
			for _, l := range granted.Leases {
				_, _ = operator.Revoke(taking, l.ID) //nolint:errcheck // the next turn does it
			}
		}
		return nil
	})
	// A busy machine may take one away too late.
	lost := func(what string, try func() error) {
		t.Helper()
		for range 5 {
			if err := try(); errors.Is(err, checkpoint.ErrLeaseLost) {
				return
			} else if err != nil {
				t.Errorf("%s: got %v, want the lease lost", what, err)
			}
		}
		t.Errorf("%s: want the lease lost", what)
	}
	lost("a seat", func() error {
		seat, err := s.Sit(t.Context(), []byte("{}"))
		if err == nil {
			seat.Leave()
		}
		return err
	})
	lost("the ferry", func() error { _, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1}); return err })
	enough()
	if err := errors.Join(g.Wait(), s.Close()); err != nil {
		t.Error(err)
	}
	end()
}

// TestAnswersLost commits over connections that break off at any moment, so that
// the answers to some commits are lost: each is written once, in its order, and
// what comes late harms nothing.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	way := &cutting{to: strings.TrimPrefix(c.endpoints()[0], "http://")}
	endpoint, end := behind(t, way)
	g, _ := group.New(context.WithoutCancel(t.Context()))
	cutting, rest := context.WithCancel(t.Context())
	g.Go("cuts", func(context.Context) error {
		for n := 0; retry.Sleep(cutting, time.Duration(20+n*7%60)*time.Millisecond) == nil; n++ {
			way.cut()
		}
		return nil
	})
	direct := open(t, etcdstore.Options{Endpoints: c.endpoints(), Root: "/x/"})
	s := open(t, etcdstore.Options{Endpoints: []string{endpoint}, Root: "/x/"})
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 80 {
		value := strconv.Itoa(n)
		changes := []checkpoint.Record{{Key: "000", Value: []byte(value)}}
		if n%10 == 0 {
			changes = all(value)
		}
		// On a busy machine no connection would last for an answer.
		way.allow(5)
		if err := s.Commit(t.Context(), lease, changes...); err != nil {
			t.Fatalf("commit %d: %v", n, err)
		}
		if got, err := direct.Load(t.Context(), "000"); err != nil || string(got) != value {
			t.Fatalf("after commit %d: got %s, %v", n, got, err)
		}
	}
	rest()
	if err := errors.Join(s.Close(), g.Wait()); err != nil {
		t.Error(err)
	}
	end()
	if t.Logf("broke off %d times", way.cuts); way.cuts < 10 {
		t.Errorf("broke off %d times, want ten at least", way.cuts)
	}
}
