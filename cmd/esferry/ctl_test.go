package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/batch"
	"esferry/internal/ferry"
)

func TestRatesAreChangedOneByOne(t *testing.T) {
	f := func(docs, requests int64, bytes string, want batch.Rates) {
		t.Helper()
		asked, err := ratesOf(docs, requests, bytes)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := asked.over(batch.Rates{Docs: 1, Bytes: 2, Requests: 3}); err != nil || got != want {
			t.Errorf("%d, %d, %q: got %+v and %v, want %+v", docs, requests, bytes, got, err, want)
		}
	}
	f(-1, -1, "", batch.Rates{Docs: 1, Bytes: 2, Requests: 3})
	f(0, -1, "10MiB", batch.Rates{Bytes: 10 << 20, Requests: 3})
	f(7, 0, "0", batch.Rates{Docs: 7})

	below, err := ratesOf(-5, unchanged, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := below.over(batch.Rates{}); err == nil || !strings.Contains(err.Error(), "a rate is 0") {
		t.Errorf("a rate below zero: got %v, want a refusal", err)
	}
}

func TestSpeed(t *testing.T) {
	f := func(want string, p ferry.Pace) {
		t.Helper()
		if got := speed(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	all := batch.Rates{Docs: 500, Bytes: 10 << 20, Requests: 3}
	f("without bounds", ferry.Pace{PaceState: batch.PaceState{Share: 1}})
	f("at most 500 documents/s, 10.0 MiB/s, 3 requests/s", ferry.Pace{PaceState: batch.PaceState{Rates: all, Share: 1}})
	f("paused; esferry ctl resume lets it go on", ferry.Pace{PaceState: batch.PaceState{Rates: all, Paused: true, Share: 1}})
	f("without bounds, under the freeze", ferry.Pace{PaceState: batch.PaceState{Rates: all, Lifted: true, Share: 1}})
	f("without bounds; readers at 25% of their time, since node a has much to do", ferry.Pace{PaceState: batch.PaceState{Share: 0.25}, Braked: "node a has much to do"})
}

func TestCtlWithoutAFerry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ferry.yaml")
	if err := os.WriteFile(path, []byte("name: a\nsource: {url: http://old.example:9200}\ntarget: {url: http://new.example:9200}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want int, says string, args ...string) {
		t.Helper()
		code, _, stderr := command(t, append([]string{"ctl", "-c", path}, args...)...)
		if code != want || !strings.Contains(stderr, says) {
			t.Errorf("%v: got exit code %d and %q, want %d and %q", args, code, stderr, want, says)
		}
	}
	for _, name := range []string{"pause", "resume", "rate"} {
		f(exitFailed, "no ferry is running on this store", name)
	}
	f(exitUsage, "--bytes-per-second wants a size such as 8MiB", "rate", "--bytes-per-second", "much")
	f(exitFailed, "no ferry is running on this store", "writers", "auto")
	f(exitUsage, "wants auto or a number from 1", "writers", "0")
	f(exitUsage, "unknown command", "dance")
}
