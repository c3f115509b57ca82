package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"esferry/internal/ferry"
)

func TestVerifyRefusesWhatDoesNotGoTogether(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		iv := &invocation{stdout: &stdout, stderr: &stderr}
		root := iv.root()
		root.SetArgs(append([]string{"verify", "-c", "nowhere.yaml"}, args...))
		err := root.ExecuteContext(t.Context())
		if codeOf(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), want) || hintOf(err) == "" {
			t.Errorf("%q: got %v (%s), want a usage error with %q", args, err, hintOf(err), want)
		}
	}
	f(`no --level "all"`, "--level", "all")
	f("no share", "--level", "ids", "--sample", "0%")
	f("sample", "--level", "ids", "--sample", "101%")
	f("sample", "--level", "ids", "--sample", "many")
	f("counts name no documents", "--sample", "1%")
	f("counts name no documents", "--repair")
	f("belong to --by-day", "--all")
	f("belong to --by-day", "--from", "2026-11-01")
	f("the first and the last day", "--by-day", "at")
	f("the first and the last day", "--by-day", "at", "--from", "2026-11-01", "--to", "tomorrow")
	f("the first and the last day", "--by-day", "at", "--from", "2026-11-02", "--to", "2026-11-01")
}

func TestVerifyRequest(t *testing.T) {
	c := comparison{level: "content", sample: 1, repair: true, field: "at", from: "2026-11-01", to: "2026-11-30", all: true}
	q, days, err := c.request()
	if want := (ferry.VerifyRequest{Level: ferry.LevelContent, Sample: 0.01, Repair: true}); err != nil || q != want {
		t.Errorf("got %+v, %v, want %+v", q, err, want)
	}
	want := ferry.Days{Field: "at", From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), All: true}
	if days == nil || *days != want {
		t.Errorf("got %+v, want %+v", days, want)
	}
}

// TestDifferencesAreNamed: in one sentence for people, and with foreign bytes
// only as JSON has them.
func TestDifferencesAreNamed(t *testing.T) {
	v := ferry.Verification{Differences: 4}
	for _, id := range []string{`"a"`, `"b\u001b"`, `"c"`, `"d"`} {
		v.Differing = append(v.Differing, ferry.Differing{Kind: "missing", ID: json.RawMessage(id)})
	}
	err := &ferry.DifferenceError{Index: "users", Verification: v}
	if got, want := err.Error(), `index users: source and target differ: 4 documents: missing "a", missing "b\u001b", missing "c", ...`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if codeOf(t.Context(), err) != exitDifference || !errors.Is(err, ferry.ErrDifference) || !strings.Contains(hintOf(err), "--repair") {
		t.Errorf("got exit code %d and %q", codeOf(t.Context(), err), hintOf(err))
	}
	var stdout bytes.Buffer
	iv := &invocation{stdout: &stdout}
	if err := iv.showDiffering("users", &v); err != nil || !strings.Contains(stdout.String(), "missing") || strings.Contains(stdout.String(), "\x1b") {
		t.Errorf("got %q, %v", stdout.String(), err)
	}
	text, fault := json.Marshal(v.Differing[0])
	if want := `{"kind":"missing","id":"a"}`; fault != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, fault, want)
	}
}
