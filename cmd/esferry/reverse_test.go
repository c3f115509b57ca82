package main

import (
	"strings"
	"testing"

	"esferry/internal/config"
)

func TestTurned(t *testing.T) {
	c := &config.Config{Name: "f", Source: config.Endpoint{URLs: []string{"old"}}, Target: config.Endpoint{URLs: []string{"new"}}}
	back := turned(c)
	if back.Name != "f/reverse" || back.Source.URLs[0] != "new" || back.Target.URLs[0] != "old" || c.Name != "f" || c.Source.URLs[0] != "old" {
		t.Errorf("got %+v of %+v", back, c)
	}
}

func TestOtherWay(t *testing.T) {
	f := func(wanted, runs, next string) {
		t.Helper()
		e := &otherWayError{wanted: wanted, runs: runs}
		if !strings.Contains(e.Error(), runs+", not "+wanted) || !strings.Contains(e.NextStep(), next) {
			t.Errorf("got %q, %q", e.Error(), e.NextStep())
		}
	}
	f("f", "f/reverse", "add --reverse")
	f("f/reverse", "f", "leave --reverse out")
}
