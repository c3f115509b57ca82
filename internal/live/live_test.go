package live_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"esferry/internal/group"
	"esferry/internal/lab/faultcase"
	"esferry/internal/live"
	"esferry/internal/report"
)

const token = "0123456789abcdef"

// subject is a ferry that remembers what it was told.
type subject struct {
	mu    sync.Mutex
	did   []string
	ready error
}

func (*subject) View(context.Context) live.View {
	return live.View{Lag: 7, Ferry: map[string]string{"name": "x"}}
}

func (s *subject) Do(_ context.Context, command string, arguments json.RawMessage) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch command {
	case "pause":
		s.did = append(s.did, command+string(arguments))
		return "done", nil
	case "panic":
		panic("out of order")
	default:
		return nil, errors.New("not today")
	}
}

func (*subject) Shards(index string) (any, bool) { return []int{1}, index == "users" }

func (s *subject) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// served is a page for the length of a test.
type served struct {
	*live.Page
	subject *subject
	client  *http.Client
	// stop ends the page and gives what Serve returned.
	stop func() error
}

func serve(t *testing.T, o live.Options) *served {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	page, err := live.Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{Page: page, subject: &subject{}, client: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	page.Show(s.subject)
	ctx, stop := context.WithCancel(t.Context())
	g, _ := group.New(ctx)
	g.Go("page", page.Serve)
	s.stop = func() error {
		s.client.CloseIdleConnections()
		stop()
		return g.Wait()
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask makes a request; with gives headers as name, value.
func (s *served) ask(t *testing.T, method, path, body string, with ...string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+strings.TrimPrefix(path, "/"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(with); i += 2 {
		r.Header.Set(with[i], with[i+1])
		if with[i] == "Host" {
			r.Host = with[i+1]
		}
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(all)
}

func TestWhoMayLookAndSteer(t *testing.T) {
	faultcase.Shows(t, 40, "the live page: foreign hosts, origins, tokens, paths")
	const bearer = "Bearer " + token
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	guarded, open := serve(t, live.Options{Token: token, Hosts: []string{"Ferry.example"}, Metrics: metrics}), serve(t, live.Options{Metrics: metrics})
	f := func(s *served, want int, method, path string, with ...string) {
		t.Helper()
		if got, text := s.ask(t, method, path, "{}", with...); got != want {
			t.Errorf("%s %s %q: got %d, %s, want %d", method, path, with, got, text, want)
		}
	}
	// With a token, nothing of the ferry is told without it.
	for _, path := range []string{"/history", "/shards?index=users", "/updates", "/metrics"} {
		f(guarded, 401, "GET", path)
		f(guarded, 401, "GET", path, "Authorization", "Bearer 0123456789abcdeX")
		f(guarded, 401, "GET", path, "Authorization", token)
		f(guarded, 401, "GET", path, "Cookie", "esferry=99999999999.00")
		if path != "/updates" {
			f(guarded, 200, "GET", path, "Authorization", bearer)
			f(open, 200, "GET", path)
		}
	}
	for _, path := range []string{"/", "/static/page.js", "/static/uplot.js", "/may", "/healthz", "/readyz"} {
		f(guarded, 200, "GET", path)
	}
	f(guarded, 404, "GET", "/shards?index=nobody", "Authorization", bearer)
	f(guarded, 404, "GET", "/static/server.go")
	f(guarded, 405, "GET", "/do/pause", "Authorization", bearer)

	// Nobody steers without a token, on loopback neither.
	f(open, 401, "POST", "/do/pause")
	f(open, 401, "POST", "/do/pause", "Authorization", "Bearer ")
	f(guarded, 401, "POST", "/do/pause")
	f(guarded, 200, "POST", "/do/pause", "Authorization", bearer)
	f(guarded, 409, "POST", "/do/cutover", "Authorization", bearer)
	f(guarded, 409, "POST", "/do/panic", "Authorization", bearer)
	if got, _ := guarded.ask(t, "POST", "/do/pause", strings.Repeat(" ", 5000), "Authorization", bearer); got != 400 {
		t.Errorf("a long body: got %d", got)
	}
	f(guarded, 403, "POST", "/do/pause", "Authorization", bearer, "Origin", "http://evil.example")
	f(guarded, 403, "POST", "/do/pause", "Authorization", bearer, "Sec-Fetch-Site", "cross-site")
	f(guarded, 403, "POST", "/sign-in", "Sec-Fetch-Site", "same-site")
	if len(guarded.subject.did) != 1 || len(open.subject.did) != 0 {
		t.Errorf("got %q and %q, want one pause", guarded.subject.did, open.subject.did)
	}

	// A name that leads here by somebody else's doing is none of ours.
	for _, s := range []*served{guarded, open} {
		f(s, 421, "GET", "/", "Host", "evil.example")
		f(s, 421, "GET", "/healthz", "Host", "evil.example:7300")
		f(s, 200, "GET", "/", "Host", "localhost:7300")
		f(s, 200, "GET", "/", "Host", "[::1]:7300")
	}
	f(guarded, 200, "GET", "/", "Host", "ferry.example")
	f(open, 421, "GET", "/", "Host", "ferry.example")
}

// What a browser does: sign in, steer by the cookie alone, sign out.
func TestSigningIn(t *testing.T) {
	s := serve(t, live.Options{Token: token})
	form := func(value string) {
		t.Helper()
		if status, text := s.ask(t, "POST", "/sign-in", url.Values{"token": {value}}.Encode(), "Content-Type", "application/x-www-form-urlencoded"); status != 200 {
			t.Fatalf("got %d, %s", status, text)
		}
	}
	steer := func(want int) {
		t.Helper()
		if got, text := s.ask(t, "POST", "/do/pause", `{"a":1}`); got != want {
			t.Errorf("got %d, %s, want %d", got, text, want)
		}
	}
	form("0123456789abcdeX")
	steer(401)
	form(token)
	steer(200)
	if _, may := s.ask(t, "GET", "/may", ""); may != `{"look":true,"sign_in":false,"steer":true}` {
		t.Errorf("got %s", may)
	}
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	if c := s.client.Jar.Cookies(at); len(c) != 1 || strings.Contains(c[0].Value, token) {
		t.Errorf("got %v, want one cookie that does not hold the token", c)
	}
	if status, _ := s.ask(t, "POST", "/sign-out", ""); status != 200 {
		t.Errorf("sign out: got %d", status)
	}
	steer(401)
}

func TestListen(t *testing.T) {
	f := func(want string, o live.Options) {
		t.Helper()
		page, err := live.Listen(t.Context(), o)
		if err == nil {
			err = page.Close()
		}
		if want == "" && err == nil {
			return
		}
		weak, ok := errors.AsType[*live.WeakError](err)
		if !ok || !strings.Contains(err.Error(), want) || !strings.Contains(weak.NextStep(), "--token-file") || o.Token != "" && strings.Contains(err.Error(), o.Token) {
			t.Errorf("%+v: got %v, want %q", o, err, want)
		}
	}
	f("", live.Options{Listen: "127.0.0.1:0"})
	f("", live.Options{Listen: "localhost:0"})
	f("", live.Options{Listen: "0.0.0.0:0", Token: token})
	f("there is no token", live.Options{Listen: "0.0.0.0:0"})
	f("there is no token", live.Options{Listen: ":0"})
	f("there is no token", live.Options{Listen: "ferry.example:0"})
	f("too short", live.Options{Listen: "127.0.0.1:0", Token: "0123456789abcde"})

	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := live.Listen(t.Context(), live.Options{Listen: taken.Addr().String()}); err == nil || !strings.Contains(err.Error(), "open the live page") {
		t.Errorf("a taken address: got %v", err)
	}
}

// Everything that the page names is in the binary, and nothing comes from
// elsewhere.
func TestThePageAsksNobodyElse(t *testing.T) {
	s := serve(t, live.Options{})
	_, html := s.ask(t, "GET", "/", "")
	_, css := s.ask(t, "GET", "/static/page.css", "")
	found := regexp.MustCompile(`(?:src|href)="([^"]+)"|url\("([^"]+)"\)`).FindAllStringSubmatch(html+css, -1)
	for _, m := range found {
		path := m[1] + m[2]
		if path == "/metrics" {
			continue
		}
		if status, _ := s.ask(t, "GET", path, ""); !strings.HasPrefix(path, "/static/") || status != 200 {
			t.Errorf("%s: got %d", path, status)
		}
	}
	if len(found) < 6 {
		t.Errorf("got %q", found)
	}
	answer, err := s.client.Get(s.URL()) //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	policy := answer.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("got policy %q", policy)
	}
}

// What is of others' making is what they published, and NOTICE says so.
func TestForeignParts(t *testing.T) {
	notice, err := os.ReadFile("../../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uplot.js", "uplot.css"} {
		part, err := os.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(part); !strings.Contains(string(notice), hex.EncodeToString(sum[:])) {
			t.Errorf("%s: NOTICE does not hold its checksum %x", name, sum)
		}
	}
}

func TestReady(t *testing.T) {
	s := serve(t, live.Options{})
	s.subject.mu.Lock()
	s.subject.ready = errors.New("the source is silent")
	s.subject.mu.Unlock()
	if status, text := s.ask(t, "GET", "/readyz", ""); status != 503 || text != "the source is silent\n" {
		t.Errorf("got %d, %q", status, text)
	}
	if status, text := s.ask(t, "GET", "/healthz", ""); status != 200 || text != "alive\n" {
		t.Errorf("got %d, %q", status, text)
	}
}

type update struct {
	View     struct{ Lag int64 }
	Doing    []live.Doing
	Messages []live.Message
	Gone     int64
	Sample   live.Sample
	End      *live.End
}

// A browser gets whole updates, the last one tells how the work ended, and the
// stream ends with it.
func TestUpdates(t *testing.T) {
	s := serve(t, live.Options{})
	at := time.Now()
	s.Feed.Observe(report.Event{Kind: report.PhaseBegun, Phase: "sync", Index: "users", Time: at})
	s.Feed.Observe(report.Event{Kind: report.Progress, Docs: 5, Bytes: 50})
	answer, err := s.client.Get(s.URL() + "updates") //nolint:noctx // the end of the page ends it
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got %s", got)
	}
	lines := bufio.NewScanner(answer.Body)
	next := func() (u update) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &u); err != nil {
					t.Fatal(err)
				}
				return u
			}
		}
		t.Fatal("the stream ended")
		return u
	}
	u := next()
	for u.Sample.Documents < 5 {
		u = next()
	}
	if u.View.Lag != 7 || u.Sample.Bytes != 50 || len(u.Doing) != 1 || u.Doing[0].Phase != "sync" || u.End != nil {
		t.Errorf("got %+v", u)
	}
	s.Feed.Observe(report.Event{Kind: report.PhaseEnded, Phase: "sync", Index: "users", Message: "broken"})
	s.End(live.End{Message: "broken", NextStep: "mend it"})
	g, _ := group.New(t.Context())
	g.Go("end", func(context.Context) error { return s.stop() })
	for u.End == nil {
		u = next()
	}
	if *u.End != (live.End{Message: "broken", NextStep: "mend it"}) || len(u.Messages) != 1 || len(u.Doing) != 0 {
		t.Errorf("at the end: got %+v", u)
	}
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("after the end: got %s", lines.Text())
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// A browser that reads nothing keeps neither the ferry nor the end waiting.
func TestABrowserThatDoesNotRead(t *testing.T) {
	s := serve(t, live.Options{})
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := io.WriteString(conn, "GET /updates HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for range 100_000 {
		s.Feed.Observe(report.Event{Kind: report.Noted, Message: "a note", Time: began})
		s.Feed.Observe(report.Event{Kind: report.Retried, Message: strings.Repeat("busy ", 100), Time: began})
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("200,000 events took %s", took)
	}
	if got := s.Feed.Totals().Retries; got != 100_000 {
		t.Errorf("got %d retries", got)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
