package journey_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"esferry/internal/lab"
)

// evil is an index whose name a terminal would obey, and a reader misread.
const evil = "streamed-evil\x1b[31m\u202e&'"

// planted is a journey whose every secret is known to the test.
type planted struct {
	*pair
	yaml string
	// secrets by what they are; environment holds them for esferry.
	secrets     map[string]string
	environment []string
	// said is all that esferry ever said, by the command.
	said map[string]string
	// loud are outputs that may hold names as they are: Prometheus has its own rules.
	loud map[string]bool
	// cross lets the target's gate refuse bulks.
	cross *atomic.Bool
}

// TestNothingTellsSecrets makes a whole journey with planted secrets, names that
// terminals obey, failures, hooks, a live page and an open umask: no output, log,
// store, report, history, certificate, metric or page tells a secret, nothing but
// text reaches a terminal, and every file is for its owner only.
func TestNothingTellsSecrets(t *testing.T) {
	t.Parallel()
	p := plant(t)
	p.load(t, library(t, 300), logs("streamed-logs", 400))
	call(t, "PUT", p.source.URL()+"/"+url.PathEscape(evil), `{"settings":{"number_of_shards":1}}`)
	for i := range 5 {
		call(t, "PUT", fmt.Sprintf("%s/%s/_doc/%d?refresh=true", p.source.URL(), url.PathEscape(evil), i), `{"n":1}`)
	}
	p.fails(t)
	p.run(t, 0, "run", "-v")
	p.served(t)
	p.ends(t)
	p.mustKeepQuiet(t)
	p.mustOwnFiles(t)
	if folder := os.Getenv("ESFERRY_STORES"); folder != "" {
		p.keep(t, folder)
	}
}

// plant starts both sides behind gates, and writes a configuration without a
// secret in it.
func plant(t *testing.T) *planted {
	t.Helper()
	p := &planted{pair: newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219}), said: map[string]string{}, loud: map[string]bool{}, cross: &atomic.Bool{}}
	p.secrets = map[string]string{
		"PASSWORD": rand.Text(), "WRONG": rand.Text(), "KEY": base64.StdEncoding.EncodeToString([]byte("id:" + rand.Text())), "BEARER": rand.Text(),
		"PAGE": rand.Text(), "USERINFO": rand.Text(), "HOOK": rand.Text(), "PROXY": rand.Text(),
		"S3_FROM": p.from.SecretKey, "S3_TO": p.to.SecretKey, "SESSION": rand.Text(),
	}
	for name, secret := range p.secrets {
		p.environment = append(p.environment, "PLANTED_"+name+"="+secret)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("ferry:" + p.secrets["PASSWORD"]))
	p.secrets["BASIC"] = basic
	p.sourceURL = p.gate(t, p.source.URL(), "Basic "+basic)
	p.targetURL = p.gate(t, p.target.URL(), "ApiKey "+p.secrets["KEY"])
	p.yaml = p.config(t, "planted", `code, "streamed-*"`, `cutover: {hooks: {frozen: [./hook, "$PLANTED_HOOK; touch obeyed"]}}
serve: {token: "${env:PLANTED_PAGE}"}
`)
	text := read(t, p.yaml)
	for _, change := range [][2]string{
		{"source: {url: " + p.sourceURL + "}", "source: {url: " + p.sourceURL + `, auth: {basic: {username: ferry, password: "${env:PLANTED_PASSWORD}"}}}`},
		{"target: {url: " + p.targetURL + "}", "target: {url: " + p.targetURL + `, auth: {api_key: "${env:PLANTED_KEY}"}}`},
		{"secret_access_key: " + p.from.SecretKey, `secret_access_key: "${env:PLANTED_S3_FROM}"`},
		{"secret_access_key: " + p.to.SecretKey, `secret_access_key: "${env:PLANTED_S3_TO}"`},
		{"path: planted.db", "path: state/planted.db"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the configuration lacks %q", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	p.write(t, "planted.yaml", text, 0o600)
	p.write(t, "hook", "#!/bin/sh\nprintf 'moment %s \\033[2J\\342\\200\\256 of %s\\n' \"$ESFERRY_EVENT\" \"$1\"\n[ -e fail ] && exit 3\nexit 0\n", 0o700)
	return p
}

func (p *planted) write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// gate stands before an engine, lets in who brings the header, and repeats to all
// others what they have brought.
func (p *planted) gate(t *testing.T, engine, header string) string {
	t.Helper()
	to, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Del("Authorization")
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if got := r.Header.Get("Authorization"); got != header || p.cross.Load() && strings.HasSuffix(r.URL.Path, "/_bulk") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "\x1b[2Jnobody\u202e enters with %s, %s", got, password)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// run runs esferry in the configuration's folder, under a umask that forbids
// nothing.
func (p *planted) run(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	return p.runWith(t, code, nil, append(args, "-c", "planted.yaml")...)
}

func (p *planted) runWith(t *testing.T, code int, environment []string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := p.command(ctx, args...)
	cmd.Env = append(cmd.Env, environment...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !exit.Exited()) {
		t.Fatal(err)
	}
	o := outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	p.hear(strings.Join(args, " "), o.stdout+o.stderr)
	if code == anyCode {
		return o
	}
	return o.want(t, code)
}

// anyCode is where what a command finds is not this test's business.
const anyCode = -1

func (p *planted) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `umask 0; exec "$@"`, "sh", theWorld.binary}, args...)...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), p.environment...)
	return cmd
}

func (p *planted) hear(what, said string) { p.said[what] += said }

// fails fails in every way that has a credential at hand.
func (p *planted) fails(t *testing.T) {
	t.Helper()
	text := read(t, p.yaml)
	variant := func(from, to string) {
		t.Helper()
		if !strings.Contains(text, from) {
			t.Fatalf("the configuration lacks %q", from)
		}
		p.write(t, "wrong.yaml", strings.Replace(text, from, to, 1), 0o600)
	}
	variant("${env:PLANTED_PASSWORD}", "${env:PLANTED_WRONG}")
	p.runWith(t, 1, nil, "plan", "-v", "-c", "wrong.yaml")
	variant(`{api_key: "${env:PLANTED_KEY}"}`, `{bearer: "${env:PLANTED_BEARER}"}`)
	p.runWith(t, 1, nil, "plan", "--json", "-c", "wrong.yaml")
	variant(p.targetURL, strings.Replace(p.targetURL, "//", "//ferry:${env:PLANTED_USERINFO}@", 1))
	p.runWith(t, 2, nil, "plan", "-c", "wrong.yaml")
	p.runWith(t, 2, nil, "init", "--source", "http://ferry:"+p.secrets["USERINFO"]+"@127.0.0.1:9", "--target", "http://127.0.0.1:9")
	variant("${env:PLANTED_S3_TO}", "${env:PLANTED_WRONG}")
	p.runWith(t, 1, nil, "repo", "copy", "-c", "wrong.yaml")
	variant(`secret_access_key: "${env:PLANTED_S3_FROM}"`, `session_token: "${env:PLANTED_SESSION}", secret_access_key: "${env:PLANTED_WRONG}"`)
	p.runWith(t, 1, nil, "repo", "copy", "--json", "-c", "wrong.yaml")
	variant(p.sourceURL, "http://search.invalid:9200")
	p.runWith(t, 1, []string{"HTTP_PROXY=http://ferry:" + p.secrets["PROXY"] + "@[broken"}, "plan", "-v", "-c", "wrong.yaml")
	p.cross.Store(true)
	if o := p.run(t, 1, "run", "-v", "--log-format", "json"); !strings.Contains(o.stderr, "enters with ApiKey ***") {
		t.Errorf("the refusal is not told: %s", tail(o.stderr))
	}
	p.cross.Store(false)
	p.write(t, "fail", "", 0o600)
	if o := p.run(t, 1, "run", "--cutover", "--json"); !strings.Contains(o.stderr, `moment frozen  [2J\u202e of $PLANTED_HOOK; touch obeyed`) {
		t.Errorf("the hook is not heard: %s", tail(o.stderr))
	}
	if err := os.Remove(filepath.Join(p.dir, "fail")); err != nil {
		t.Fatal(err)
	}
}

// served shows the live page to whoever has the token, and to others.
func (p *planted) served(t *testing.T) {
	t.Helper()
	run := &process{cmd: p.command(t.Context(), "serve", "--listen", "127.0.0.1:0", "--interval", "300ms", "--json", "-v", "-c", "planted.yaml")}
	run.cmd.Stderr = &run.stderr
	var all bytes.Buffer
	run.begin(t, &all)
	page := run.address(t)
	run.await(t, `"round_ended"`)
	wait := run.ended(t)
	for _, bearer := range []string{"", "Bearer " + p.secrets["WRONG"], "Bearer " + p.secrets["PAGE"]} {
		for _, path := range []string{"", "metrics", "history", "updates", "may", "shards?index=code", "healthz", "readyz", "static/page.js", "../../etc/passwd", "do/" + url.PathEscape(evil), "do/rate"} {
			text := p.visit(t, page+path, bearer)
			p.hear("page "+path, text)
			p.loud["page "+path] = path == "metrics"
			if path == "metrics" && strings.HasSuffix(bearer, p.secrets["PAGE"]) && !strings.Contains(text, "esferry_ready") {
				t.Errorf("got the metrics %s", tail(text))
			}
		}
	}
	p.run(t, 0, "status")
	p.run(t, 0, "report", "-o", "running.html")
	p.run(t, 0, "ctl", "pause", "--json")
	p.run(t, 0, "ctl", "resume")
	if err := run.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	wait()
	p.hear("serve", all.String()+run.stderr.String())
}

// begin starts a process whose lines are kept, too.
func (p *process) begin(t *testing.T, keep io.Writer) {
	t.Helper()
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = io.TeeReader(stdout, keep)
	p.lines = bufio.NewScanner(p.stdout)
	p.lines.Buffer(nil, 1<<20)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// visit gives what a page answers, of updates, which have no end, a second's.
func (p *planted) visit(t *testing.T, at, bearer string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	method := http.MethodGet
	if strings.Contains(at, "/do/") {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(`{"docs_per_second":0}`))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", bearer)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	defer time.AfterFunc(time.Second, cancel).Stop()
	text, err := io.ReadAll(answer.Body)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return fmt.Sprint(answer.Header) + string(text)
}

// ends cuts over and asks for all that is told afterwards.
func (p *planted) ends(t *testing.T) {
	t.Helper()
	p.run(t, 0, "sync", "--metrics-file", "planted.prom")
	p.run(t, 0, "verify", "--level", "content", "--certificate", "certificate.json", "--json")
	p.run(t, 0, "run", "--cutover")
	for _, args := range [][]string{
		{"status"},
		{"status", "--json"},
		{"report"},
		{"report", "--json"},
		{"checkpoint", "list"},
		{"checkpoint", "export"},
		{"deadletter", "list"},
		{"plan"},
		{"plan", "--json"},
		{"metadata", "diff"},
		{"verify", "--json"},
		{"--version"},
	} {
		code := 0
		if args[0] == "metadata" || args[0] == "verify" || args[0] == "plan" {
			code = anyCode
		}
		p.run(t, code, args...)
	}
	p.mustBeEqual(t, "code", "streamed-logs")
}

// spellings are the forms in which a secret may get out.
func spellings(secret string) []string {
	return []string{
		secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		hex.EncodeToString([]byte(secret)), url.QueryEscape(secret),
	}
}

// mustKeepQuiet searches all that was said, and all that lies in the folder.
func (p *planted) mustKeepQuiet(t *testing.T) {
	t.Helper()
	told := map[string]string{}
	for what, text := range p.said {
		told[what] = text
		if at := strings.IndexFunc(text, obeyed); at >= 0 && !p.loud[what] {
			t.Errorf("%s: a terminal would obey %q", what, text[max(0, at-40):min(len(text), at+40)])
		}
	}
	err := filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		told[path] = read(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	searched := 0
	for what, text := range told {
		searched += len(text)
		for name, secret := range p.secrets {
			for _, s := range spellings(secret) {
				if at := strings.Index(text, s); at >= 0 {
					t.Errorf("%s tells %s: %q", what, name, text[max(0, at-60):at])
				}
			}
		}
	}
	if page := told[filepath.Join(p.dir, "planted-report.html")]; !strings.Contains(page, `\u202e`) || strings.ContainsFunc(page, obeyed) {
		t.Error("the report does not spell the evil name out")
	}
	if _, err := os.Lstat(filepath.Join(p.dir, "obeyed")); err == nil {
		t.Error("a hook's word was obeyed by a shell")
	}
	t.Logf("%d outputs and files, %d KiB, were searched for %d secrets in %d spellings", len(told), searched>>10, len(p.secrets), len(spellings("")))
}

// obeyed reports what is no text to a terminal, or to a reader.
func obeyed(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}

// mustOwnFiles: under a umask of 0, what esferry made is for its owner only; the
// metrics are for node_exporter, too.
func (p *planted) mustOwnFiles(t *testing.T) {
	t.Helper()
	seen := map[string]fs.FileMode{}
	err := filepath.WalkDir(p.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil {
			seen[strings.TrimPrefix(path, p.dir+"/")] = info.Mode().Perm()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"state/planted.db", "state/planted.db.json", "certificate.json", "planted-report.html", "running.html"} {
		if _, there := seen[path]; !there {
			t.Errorf("%s is not there", path)
		}
	}
	for path, mode := range seen {
		switch {
		case path == p.dir:
		case path == "state" && mode != 0o700, mode&0o077 != 0 && path != "planted.prom":
			t.Errorf("%s has mode %o", path, mode)
		}
	}
}

// keep leaves the store as it is for later builds to open: cmd/esferry/testdata.
func (p *planted) keep(t *testing.T, folder string) {
	t.Helper()
	for _, name := range []string{"planted.db", "planted.db.json"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(read(t, filepath.Join(p.dir, "state", name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
