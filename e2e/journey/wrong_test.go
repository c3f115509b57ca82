package journey_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
)

// TestWrongInput gives each kind of wrong input: one clear sentence with what
// to do, the exit code of the interface, and nothing changed on either side.
func TestWrongInput(t *testing.T) {
	faultcase.Shows(t, 33, "the name is in use")
	faultcase.Shows(t, 39, "the same cluster on both sides, names in use, unreachable, not an engine")
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219})
	p.load(t, logs("logs-2026.11.01", 300), logs("taken", 10))
	call(t, "PUT", p.target.URL()+"/taken", "")
	good := p.config(t, "good", `"logs-*"`, "")
	before := p.state(t)
	for _, c := range []struct {
		name string
		// from, to: what is replaced in the good configuration.
		from, to string
		code     int
		says     []string
	}{
		{"unknown key", "checkpoint:", "memroy: 1\ncheckpoint:", 2, []string{"memroy", "unknown key"}},
		{"unknown key below", "repository: ferry", "repositry: ferry", 2, []string{"snapshot.repositry", "did you mean repository"}},
		{"unset variable", "name: wrong", "name: ${env:NOBODY_SET_THIS}", 2, []string{"NOBODY_SET_THIS"}},
		{"unreachable source", p.source.URL(), "http://127.0.0.1:1", 1, []string{"source", "127.0.0.1:1", "refused"}},
		{"unreachable target", p.target.URL(), "http://127.0.0.1:1", 1, []string{"target", "127.0.0.1:1", "refused"}},
		{"not an engine", p.source.URL(), p.from.URL, 1, []string{"source"}},
		{"same cluster", p.target.URL(), p.source.URL(), 2, []string{"same cluster"}},
		{"name in use", `"logs-*"`, "taken", 1, []string{"taken", "already"}},
		{"nothing matches", `"logs-*"`, "nothing-*", 1, []string{"indices.include"}},
		{"missing plugin", "source: {type: fs,", "source: {type: hdfs,", 1, []string{"repository-hdfs", "install"}},
		{"missing plugin on the target", "target: {type: fs,", "target: {type: gcs,", 1, []string{"repository-gcs", "install"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			yaml := p.wrong(t, good, c.from, c.to)
			for _, command := range [][]string{{"run", "--cutover"}, {"plan"}} {
				o := esferry(t, append(command, "-c", yaml)...).want(t, c.code)
				for _, word := range c.says {
					if !strings.Contains(o.stderr, word) {
						t.Errorf("%s: got %q, want it to say %q", command[0], o.stderr, word)
					}
				}
				if !strings.Contains(o.stderr, "next: ") && !strings.Contains(o.stderr, "did you mean") {
					t.Errorf("%s: got %q, want a next step", command[0], o.stderr)
				}
			}
		})
	}
	if after := p.state(t); after != before {
		t.Errorf("something changed:\nbefore %s\nafter  %s", before, after)
	}
	esferry(t, "run", "-c", filepath.Join(p.dir, "absent.yaml")).want(t, 2)
	esferry(t, "rnu").want(t, 2)
	esferry(t, "run", "--cutoff").want(t, 2)
}

// wrong writes a variant of a configuration.
func (p *pair) wrong(t *testing.T, good, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(strings.Replace(string(text), "name: good", "name: wrong", 1), from, to, 1)
	if changed == string(text) {
		t.Fatalf("%q is not in the configuration", from)
	}
	path := filepath.Join(p.dir, "wrong.yaml")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// state is what a refused command must leave as it was: indices, aliases,
// settings, templates and repositories of both sides.
func (p *pair) state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, url := range []string{p.source.URL(), p.target.URL()} {
		for _, path := range []string{"/_all/_settings?flat_settings=true", "/_alias", "/_template", "/_snapshot"} {
			b.WriteString(path + " " + call(t, "GET", url+path, "") + "\n")
		}
	}
	return b.String()
}

// TestWrongPassword asks for security on a real engine.
func TestWrongPassword(t *testing.T) {
	faultcase.Shows(t, 40, "a wrong password")
	p := newPair(t, lab.Spec{Engine: lab.ES68, Secure: true}, lab.Spec{Engine: lab.ES717})
	yaml := p.config(t, "secret", "users", "")
	const secret = "not-the-pass-word"
	auth := `source: {auth: {basic: {username: ` + p.source.Username + `, password: "${env:FERRY_TEST_PASSWORD}"}}, `
	t.Setenv("FERRY_TEST_PASSWORD", secret)
	with := p.wrong(t, yaml, "source: {", auth)
	o := esferry(t, "run", "-c", with).want(t, 1)
	if !strings.Contains(o.stderr, "401") || !strings.Contains(o.stderr, "password") || !strings.Contains(o.stderr, "source") {
		t.Errorf("got %q, want it to name the source, status 401 and the password", o.stderr)
	}
	if strings.Contains(o.stdout+o.stderr, secret) {
		t.Errorf("the password is in the output: %q", o.stdout+o.stderr)
	}
	t.Setenv("FERRY_TEST_PASSWORD", p.source.Password)
	o = esferry(t, "plan", "-c", with).want(t, 1)
	if !strings.Contains(o.stderr, "indices.include") {
		t.Errorf("with the right password: got %q, want only that no index matches", o.stderr)
	}
}
