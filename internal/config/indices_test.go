package config_test

import (
	"testing"

	"esferry/internal/config"
)

func TestIndicesMatch(t *testing.T) {
	f := func(include, exclude []string, name string, want bool) {
		t.Helper()
		x := &config.Indices{Include: include, Exclude: exclude}
		if got := x.Match(name); got != want {
			t.Errorf("include %v, exclude %v: %s got %t, want %t", include, exclude, name, got, want)
		}
	}
	all := []string{"*"}
	f(all, nil, "logs", true)
	f(all, nil, ".hidden", false)
	f(all, nil, ".security-7", false)
	f(all, nil, "searchguard", false)
	f(all, []string{"logs-*"}, "logs-1", false)
	f(all, []string{"logs-*"}, "log", true)
	f([]string{".ds-*"}, nil, ".ds-logs-000001", true)
	f([]string{".ds-*"}, []string{"*000001"}, ".ds-logs-000001", false)
	f([]string{"*hidden"}, nil, ".hidden", false)
	f([]string{"?hidden"}, nil, ".hidden", false)
	f([]string{".*"}, nil, ".kibana_1", false)
	f([]string{"logs-*"}, nil, "logs-", true)
	f([]string{"logs-*"}, nil, "xlogs-1", false)
	f([]string{"a*b*c"}, nil, "a-b-b-c", true)
	f([]string{"a*b*c"}, nil, "a-b-b", false)
	f([]string{"l?gs"}, nil, "logs", true)
	f([]string{"l?gs"}, nil, "lögs", true)
	f([]string{"l?gs"}, nil, "lgs", false)
	f([]string{"logs"}, nil, "logs2", false)
	f(nil, nil, "logs", false)
}

func TestIndicesPathFor(t *testing.T) {
	x := &config.Indices{Paths: map[string]string{
		"*": config.PathStream, "logs-*": config.PathSnapshot, "logs-2026.*": config.PathStream,
		"logs-2026.01": config.PathSnapshot, "*-b": config.PathSnapshot, "a-*": config.PathStream,
		"logs-2026.0?": config.PathStream, "c?": config.PathSnapshot,
	}}
	f := func(name, want string) {
		t.Helper()
		// Maps are walked in another order each time.
		for range 20 {
			if got := x.PathFor(name); got != want {
				t.Fatalf("%s: got %q, want %q", name, got, want)
			}
		}
	}
	f("users", config.PathStream)
	f("logs-2025", config.PathSnapshot)
	f("logs-2026.02", config.PathStream)
	f("logs-2026.01", config.PathSnapshot)
	f("c1", config.PathSnapshot)
	// Two patterns of the same length: the alphabet decides.
	f("a-b", config.PathSnapshot)
	if got := (&config.Indices{}).PathFor("users"); got != "" {
		t.Errorf("no paths: got %q, want none", got)
	}
}

func TestIndicesTargetName(t *testing.T) {
	x := &config.Indices{Rename: map[string]string{"users": "users-v2"}}
	if got := x.TargetName("users"); got != "users-v2" {
		t.Errorf("got %q, want users-v2", got)
	}
	if got := x.TargetName("users-v2"); got != "users-v2" {
		t.Errorf("got %q, want users-v2", got)
	}
}

func TestSystemIndex(t *testing.T) {
	f := func(name string, want bool) {
		t.Helper()
		if got := config.SystemIndex(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
	f(".security", true)
	f(".security-7", true)
	f(".opendistro_security", true)
	f(".kibana_task_manager_1", true)
	f(".tasks", true)
	f("searchguard", true)
	f(".ds-logs-app-000001", false)
	f(".my-index", false)
	f("security", false)
}
