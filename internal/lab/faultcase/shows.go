package faultcase

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Folder is the environment variable that names where results are left.
const Folder = "ESFERRY_FAULTS"

// Results.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// Outcome is what a test left of a claim.
type Outcome struct {
	Case    int       `json:"case"`
	Fault   string    `json:"fault"`
	Test    string    `json:"test"`
	Result  string    `json:"result"`
	Seconds float64   `json:"seconds"`
	At      time.Time `json:"at"`
}

// Shows claims that the test shows how a fault of the list is survived; its
// words are the list's. When the test has ended its result is left in the
// folder that ESFERRY_FAULTS names, if any. It must be called by a test itself,
// with constants, before anything can fail.
func Shows(tb testing.TB, number int, fault string) {
	tb.Helper()
	list, err := List()
	if err != nil {
		tb.Fatal(err)
	}
	if number < 1 || number > len(list) || !list[number-1].has(fault) {
		tb.Fatalf("case %d has no fault %q: see internal/lab/faultcase/cases.txt", number, fault)
	}
	dir, began := os.Getenv(Folder), time.Now()
	if dir == "" {
		return
	}
	tb.Cleanup(func() {
		o := Outcome{Case: number, Fault: fault, Test: tb.Name(), Result: Passed, Seconds: time.Since(began).Seconds(), At: time.Now().UTC()}
		switch {
		case tb.Failed():
			o.Result = Failed
		case tb.Skipped():
			o.Result = Skipped
		}
		if err := leave(dir, "faults", o); err != nil {
			tb.Errorf("leave the result of case %d: %v", number, err)
		}
	})
}

// leave appends a line to a file of this process alone: packages run side by
// side.
func leave(dir, kind string, line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	//nolint:gosec // the folder is whoever's who runs the tests
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s-%d.ndjson", kind, os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}
