package takeover_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab"
	"esferry/internal/retry"
)

// process is esferry while it runs.
type process struct {
	cmd    *exec.Cmd
	lines  chan string
	stderr *bytes.Buffer
	reader *group.Group
}

func start(tb testing.TB, args ...string) *process {
	tb.Helper()
	p := &process{cmd: exec.CommandContext(tb.Context(), binary, args...), lines: make(chan string, 1<<16), stderr: &bytes.Buffer{}}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p.reader, _ = group.New(context.WithoutCancel(tb.Context()))
	p.reader.Go("events", func(context.Context) error {
		defer close(p.lines)
		scan := bufio.NewScanner(stdout)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			p.lines <- scan.Text()
		}
		return nil
	})
	return p
}

// await waits for n further events that hold the words.
func (p *process) await(t *testing.T, n int, words string) {
	t.Helper()
	for range n {
		p.until(t, words)
	}
}

// until waits for the next event that holds the words, and gives those before it.
func (p *process) until(t *testing.T, words string) (said []string) {
	t.Helper()
	said, _ = p.next(t, words)
	return said
}

// next is until, and gives the event itself as well.
func (p *process) next(t *testing.T, words string) (said []string, found string) {
	t.Helper()
	late := time.After(2 * time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				_, stderr := p.end(t)
				t.Fatalf("it ended before %q: %s", words, stderr)
			}
			if strings.Contains(line, words) {
				return said, line
			}
			said = append(said, line)
		case <-late:
			p.signal(t, syscall.SIGKILL)
			_, stderr := p.end(t)
			t.Fatalf("no %q within two minutes, only\n%s\n%s", words, strings.Join(said[max(0, len(said)-20):], "\n"), stderr)
		}
	}
}

// forget drops the events of before.
func (p *process) forget() { p.heard() }

// heard gives the events of by now that nobody has asked for, and whether it has
// said its last.
func (p *process) heard() (events []string, ended bool) {
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				return events, true
			}
			events = append(events, line)
		default:
			return events, false
		}
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end, and gives exit code and stderr.
func (p *process) end(tb testing.TB) (code int, stderr string) {
	tb.Helper()
	if err := p.reader.Wait(); err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			tb.Fatal(err)
		}
	}
	return p.cmd.ProcessState.ExitCode(), p.stderr.String()
}

// esferry runs to its end, which must have this exit code.
func esferry(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	p := start(t, args...)
	var out strings.Builder
	for line := range p.lines {
		out.WriteString(line + "\n")
	}
	code, stderr := p.end(t)
	if code != want {
		t.Fatalf("esferry %s: got exit code %d, want %d\n%s\n%s", strings.Join(args, " "), code, want, out.String(), stderr)
	}
	return out.String(), stderr
}

// world is two engines, a cluster of etcd, and a ferry between them.
type world struct {
	source, target *lab.Cluster
	etcd           *members
	// from and to have the buckets of the engines' snapshots.
	from, to *lab.Gateway
	yaml     string
	// hold holds cutovers in their freeze while this file is there.
	hold string
}

var indices = []string{"logs-a", "logs-b"}

func newWorld(t *testing.T) *world { t.Helper(); return newWorldOf(t, 2000, "") }

// newWorldOf has so many documents in each index, and more in its configuration.
func newWorldOf(t *testing.T, docs int, more string) *world {
	t.Helper()
	l := lab.For(t)
	w := &world{from: gateway(t, l, "from"), to: gateway(t, l, "to"), etcd: cluster(t, 3)}
	w.source = l.StartFor(t, lab.Spec{Engine: lab.ES710, Name: "source", RepoDirs: []string{w.from.Dir}})
	w.target = l.StartFor(t, lab.Spec{Engine: lab.OS219, Name: "target", RepoDirs: []string{w.to.Dir}})
	e, err := corpus.Open(t.Context(), w.source.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range indices {
		if err := e.Create(t.Context(), name, 2, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Load(t.Context(), name, corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), docs, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	w.yaml = filepath.Join(t.TempDir(), "night.yaml")
	w.hold = filepath.Join(filepath.Dir(w.yaml), "hold")
	text := fmt.Sprintf(`name: night
source: {url: %s}
target: {url: %s}
indices: {include: ["logs-*"]}
checkpoint: {store: etcd, endpoints: [%s]}
max_delete: 90%%
cutover: {hooks: {frozen: [sh, -c, 'while [ -e %s ]; do sleep 0.1; done']}}
%s`, w.source.URL(), w.target.URL(), strings.Join(w.etcd.endpoints(), ", "), w.hold, more)
	if err := os.WriteFile(w.yaml, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// follow starts a process that keeps both indices up.
func (w *world) follow(t *testing.T) *process {
	t.Helper()
	return start(t, "sync", "--follow", "--interval", "100ms", "--json", "-c", w.yaml)
}

// watch reads the watermarks of all shards, again and again, and says where one
// went back.
func (w *world) watch(t *testing.T) (stop func() (looks int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	looks, highest := 0, map[string]int64{}
	g, _ := group.New(ctx)
	g.Go("watermarks", func(ctx context.Context) error {
		var s *etcdstore.Store
		for ctx.Err() == nil {
			if s == nil {
				// Nobody answers while all members are gone.
				s, _ = etcdstore.Open(ctx, etcdstore.Options{Endpoints: w.etcd.endpoints(), Root: "/esferry/night/"}) //nolint:errcheck // it is tried again
				continue
			}
			records, err := s.List(ctx, "night/index/")
			if err == nil {
				mu.Lock()
				looks++
				err = rises(highest, records)
				mu.Unlock()
				if err != nil {
					return errors.Join(err, s.Close())
				}
			}
			_ = retry.Sleep(ctx, 20*time.Millisecond) //nolint:errcheck // the loop ends with it
		}
		if s == nil {
			return nil
		}
		return s.Close()
	})
	return func() int {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		return looks
	}
}

func rises(highest map[string]int64, records []checkpoint.Record) error {
	for _, r := range records {
		var index struct {
			Watermarks []struct{ W int64 }
		}
		if err := json.Unmarshal(r.Value, &index); err != nil {
			return err
		}
		for shard, m := range index.Watermarks {
			key := fmt.Sprintf("%s[%d]", r.Key, shard)
			if before, ok := highest[key]; ok && m.W < before {
				return fmt.Errorf("the watermark of %s went back from %d to %d", key, before, m.W)
			}
			highest[key] = m.W
		}
	}
	return nil
}

// TestTakeOver is the whole story of a ferry whose state is in a cluster of three,
// with a hostile writer on its source: one member dies and comes back; the process
// is stopped past its lease while a second one takes over, and wakes up; all
// members die; the next process goes on and brings the ferry to its end.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer := corpus.NewWriter(corpus.WriterOptions{URL: w.source.URL(), Indices: indices, Rate: 100, Seed: 42, Revive: 2500 * time.Millisecond})
	g, _ := group.New(t.Context())
	g.Go("hostile writer", writer.Run)
	t.Cleanup(writer.Stop)
	esferry(t, 0, "run", "--json", "-c", w.yaml)
	stopWatching := w.watch(t)

	first := w.follow(t)
	first.await(t, 4, `"round_ended"`)
	costs := w.costs(t)
	w.oneMemberDies(t, first)
	costs()
	w.heldByALivingOne(t, first)
	second := w.takenOver(t, first)
	w.allMembersDie(t, second)

	writer.Stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("writer %+v", writer.Stats())
	w.blockedLate(t)
	w.takenOverInTheFreeze(t)
	if looks := stopWatching(); looks < 100 {
		t.Errorf("looked at the watermarks %d times, want a hundred at least", looks)
	}
	w.mustBeEqual(t)
}

// oneMemberDies kills each member in turn, the leader among them, and brings it
// back: the ferry goes on.
func (w *world) oneMemberDies(t *testing.T, p *process) {
	t.Helper()
	for i := range w.etcd.all {
		w.etcd.kill(t, i)
		p.forget()
		p.await(t, 4, `"round_ended"`)
		w.etcd.start(t, i)
		w.etcd.awaitMember(t, i)
	}
}

// heldByALivingOne turns a second process away, and shows the ferry to others.
func (w *world) heldByALivingOne(t *testing.T, p *process) {
	t.Helper()
	_, stderr := esferry(t, 11, "sync", "-c", w.yaml)
	if want := fmt.Sprintf("pid %d", p.cmd.Process.Pid); !strings.Contains(stderr, want) {
		t.Errorf("got %q, want it to name %s", stderr, want)
	}
	// On another machine there is no socket to ask: the store is read.
	elsewhere := filepath.Join(t.TempDir(), "night.yaml")
	text, err := os.ReadFile(w.yaml)
	if err == nil {
		err = os.WriteFile(elsewhere, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"checkpoint", "list"}, {"checkpoint", "export"}, {"checkpoint", "show", "logs-a"}, {"report", "--json"}, {"sync", "--dry-run"}} {
		stdout, _ := esferry(t, 0, append(args, "-c", elsewhere)...)
		if !strings.Contains(stdout, "logs-a") {
			t.Errorf("esferry %s elsewhere: got %s", strings.Join(args, " "), stdout)
		}
		if args[0] == "status" && !strings.Contains(stdout, fmt.Sprintf("pid %d", p.cmd.Process.Pid)) {
			t.Errorf("status elsewhere does not tell who has the ferry: %s", stdout)
		}
	}
}

// takenOver stops the holder past its lease. The second process waits for the
// lease to run out, and goes on; the first one wakes up, is refused, and ends.
func (w *world) takenOver(t *testing.T, first *process) (second *process) {
	t.Helper()
	first.signal(t, syscall.SIGSTOP)
	began := time.Now()
	second = w.follow(t)
	second.await(t, 4, `"round_ended"`)
	t.Logf("taken over, and four rounds on, %.1f s after the holder was stopped", time.Since(began).Seconds())
	first.signal(t, syscall.SIGCONT)
	code, stderr := first.end(t)
	t.Logf("the one that woke up: exit code %d: %s", code, stderr)
	if want := fmt.Sprintf("pid %d on", second.cmd.Process.Pid); code != 11 || !strings.Contains(stderr, "the lease on this ferry is lost") || !strings.Contains(stderr, want) {
		t.Errorf("got exit code %d and %q, want 11 and a lease lost to %s", code, stderr, want)
	}
	second.forget()
	second.await(t, 4, `"round_ended"`)
	return second
}

// allMembersDie takes the store away: the process stops cleanly and says so; the
// members come back with all that was committed.
func (w *world) allMembersDie(t *testing.T, p *process) {
	t.Helper()
	w.etcd.killAll(t)
	began := time.Now()
	code, stderr := p.end(t)
	t.Logf("without a store: exit code %d after %.1f s: %s", code, time.Since(began).Seconds(), stderr)
	if code != 1 || !strings.Contains(stderr, "etcd at http://127.0.0.1") || !strings.Contains(stderr, "it resumes") {
		t.Errorf("got exit code %d and %q, want 1 and the members that do not answer", code, stderr)
	}
	w.etcd.startAll(t)
}

// blocked reports whether the source refuses writes.
func (w *world) blocked(t *testing.T) bool {
	t.Helper()
	status, answer := lab.Ask(t, "GET", w.source.URL()+"/logs-a/_settings/index.blocks.write", "")
	if status != 200 {
		t.Fatalf("ask for the write block: status %d: %s", status, answer)
	}
	return strings.Contains(answer, `"true"`)
}

// takenOverInTheFreeze stops a process while its block is on the source, past its
// lease. The next one cuts over to the end. The first one wakes up in its freeze,
// and must not lift the block that keeps writers off what was left behind.
func (w *world) takenOverInTheFreeze(t *testing.T) {
	t.Helper()
	first := w.stoppedInTheFreeze(t)
	esferry(t, 0, "run", "--cutover", "--json", "-c", w.yaml)
	first.signal(t, syscall.SIGCONT)
	code, stderr := first.end(t)
	t.Logf("the one that woke up in its freeze: exit code %d: %s", code, stderr)
	if code == 0 || !strings.Contains(stderr, "the write blocks on logs-a, logs-b stay") {
		t.Errorf("got exit code %d and %q, want it to leave the blocks", code, stderr)
	}
	if !w.blocked(t) {
		t.Error("the process that lost the ferry lifted the block after the switch")
	}
}

// costs tells, when it is called again, what the ferry has asked of etcd: docs/scale.md.
func (w *world) costs(t *testing.T) (tell func()) {
	t.Helper()
	operator := w.etcd.client(t)
	began := time.Now()
	before, err := operator.Get(t.Context(), "/esferry/night/commit")
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		all, err := operator.Get(t.Context(), "/esferry/night/", clientv3.WithPrefix())
		if err != nil {
			t.Fatal(err)
		}
		status, err := operator.Status(t.Context(), w.etcd.all[0].Client)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d commits in %.1f s; etcd's database is of %d bytes", all.Header.Revision-before.Header.Revision, time.Since(began).Seconds(), status.DbSize)
		for _, kv := range all.Kvs {
			t.Logf("%s: %d bytes, written %d times", kv.Key, len(kv.Value), kv.Version)
		}
	}
}

// stoppedInTheFreeze gives a process that was stopped with its block on the source.
func (w *world) stoppedInTheFreeze(t *testing.T) *process {
	t.Helper()
	if err := os.WriteFile(w.hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "run", "--cutover", "--json", "-c", w.yaml)
	p.await(t, 1, `"block writes"`)
	for !w.blocked(t) {
		if err := retry.Sleep(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	p.signal(t, syscall.SIGSTOP)
	if err := os.Remove(w.hold); err != nil {
		t.Fatal(err)
	}
	return p
}

// blockedLate stops a process in its freeze, which the next one lifts. The block
// comes all the same, as if the request for it had been late: the process that
// wakes up takes it off again, since nobody counts on it.
func (w *world) blockedLate(t *testing.T) {
	t.Helper()
	first := w.stoppedInTheFreeze(t)
	esferry(t, 0, "cutover", "abort", "-c", w.yaml)
	if w.blocked(t) {
		t.Fatal("the next holder's abort left the block")
	}
	if status, answer := lab.Ask(t, "PUT", w.source.URL()+"/logs-a,logs-b/_settings", `{"index.blocks.write":true}`); status != 200 {
		t.Fatalf("block by hand: status %d: %s", status, answer)
	}
	first.signal(t, syscall.SIGCONT)
	code, stderr := first.end(t)
	t.Logf("the one that blocked late: exit code %d: %s", code, stderr)
	if code != 1 || !strings.Contains(stderr, "the lease on this ferry is lost") || strings.Contains(stderr, "stay") {
		t.Errorf("got exit code %d and %q, want a lease lost, and no block left", code, stderr)
	}
	if w.blocked(t) {
		t.Error("a block stays on the source that nobody counts on")
	}
}
