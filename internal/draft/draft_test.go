package draft_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/config"
	"esferry/internal/draft"
)

func TestLogin(t *testing.T) {
	f := func(given string, want draft.Login) {
		t.Helper()
		if got, err := draft.ParseLogin(given); err != nil || got != want {
			t.Errorf("%s: got %+v (%v), want %+v", given, got, err, want)
		}
	}
	f("", draft.Login{})
	f("basic:ferry:env:PASSWORD", draft.Login{Method: "basic", User: "ferry", Secret: "${env:PASSWORD}"})
	f("basic:ferry:${file:/run/secrets/x}", draft.Login{Method: "basic", User: "ferry", Secret: "${file:/run/secrets/x}"})
	f("api_key:credential:key", draft.Login{Method: "api_key", Secret: "${credential:key}"})
	f("bearer:env:TOKEN", draft.Login{Method: "bearer", Secret: "${env:TOKEN}"})
	f("sigv4:eu-west-1", draft.Login{Method: "sigv4", Region: "eu-west-1"})
	f("sigv4:eu-west-1:aoss", draft.Login{Method: "sigv4", Region: "eu-west-1", Service: "aoss"})

	refused := func(given string) {
		t.Helper()
		_, err := draft.ParseLogin(given)
		wrong, ok := errors.AsType[*draft.LoginError](err)
		if !ok || wrong.NextStep() == "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", given, err)
		}
	}
	refused("hunter2")
	refused("basic:ferry:hunter2")
	refused("basic::env:X")
	refused("api_key:hunter2")
	refused("api_key:${env:hunter 2}")
	refused("bearer:env:")
	refused("sigv4:")
	refused("sigv4:eu-west-1:s3")
}

// TestDraftsAreConfigurations reads back what is written, whatever names the
// clusters gave to their indices and repositories.
func TestDraftsAreConfigurations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.StringOfN(rapid.RuneFrom([]rune("a# \n\"'\\{}[]:,&*!|>%@`$\u2028é")), 1, 12, -1)
		login := rapid.SampledFrom([]draft.Login{{}, {Method: "basic", User: `u"\x`, Secret: "${env:P}"}, {Method: "api_key", Secret: "${env:P}"}, {Method: "sigv4", Region: "eu-west-1", Service: "es"}})
		d := draft.Draft{
			Name:    "search-2026",
			Source:  draft.Side{URL: "https://old.example:9200", Login: login.Draw(t, "source"), CAFile: "a b#.pem", Engine: hostile.Draw(t, "engine"), Kinds: []string{"s3"}},
			Target:  draft.Side{URL: "https://new.example:9200", Login: login.Draw(t, "target"), Kinds: []string{"s3"}},
			Include: []string{"logs-*"},
		}
		for range rapid.IntRange(0, 30).Draw(t, "indices") {
			d.Found = append(d.Found, draft.Index{Name: hostile.Draw(t, "index"), Docs: 3, Bytes: rapid.Int64Range(0, 1<<45).Draw(t, "bytes"), Restorable: rapid.Bool().Draw(t, "restorable")})
		}
		if rapid.Bool().Draw(t, "excluded") {
			d.Excluded = []draft.Excluded{{Name: "logs-closed", Reason: hostile.Draw(t, "reason")}}
		}
		if rapid.Bool().Draw(t, "repository") {
			d.Repository = &draft.Repository{Name: hostile.Draw(t, "name"), Type: hostile.Draw(t, "type"), Settings: map[string]string{hostile.Draw(t, "key"): hostile.Draw(t, "value")}}
		}
		env := config.Environment{LookupEnv: func(string) (string, bool) { return "secret", true }}
		c, err := config.Parse("ferry.yaml", []byte(d.YAML()), env)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.YAML())
		}
		if c.Name != d.Name || c.Source.URLs[0] != d.Source.URL || c.Snapshot != nil || c.Source.TLS.CAFile != d.Source.CAFile {
			t.Fatalf("got %+v", c)
		}
		if len(d.Excluded) > 0 && c.Indices.Match("logs-closed") || !c.Indices.Match("logs-1") || c.Indices.Match("users") {
			t.Fatalf("got indices %+v", c.Indices)
		}
	})
}

func TestSuggestion(t *testing.T) {
	f := func(d draft.Draft, want string) {
		t.Helper()
		if got := d.Suggestion(); !strings.Contains(got, want) {
			t.Errorf("got %q, want it to say %q", got, want)
		}
	}
	both := []draft.Index{{Name: "a", Restorable: true}, {Name: "b"}}
	f(draft.Draft{Found: both[1:], Target: draft.Side{Engine: "opensearch 3.8.0"}}, "by stream: opensearch 3.8.0 restores no snapshot of theirs")
	f(draft.Draft{Found: both, Source: draft.Side{Kinds: []string{"s3"}}}, "1 of 2 indices could go by snapshot, but no type")
	f(draft.Draft{Found: both, Source: draft.Side{Kinds: []string{"gcs", "s3"}}, Target: draft.Side{Kinds: []string{"s3"}}}, "repositories of type s3")
	f(draft.Draft{Found: both, Repository: &draft.Repository{Name: "mine"}}, "names the source's repository mine")
}
