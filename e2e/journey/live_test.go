package journey_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"esferry/internal/lab"
	"esferry/internal/lab/faults"
	"esferry/internal/retry"
)

const token = "a token that nobody guesses"

// TestLivePage follows two indices, gives a frozen cutover up from the command
// line, and then drives a whole one in a browser.
func TestLivePage(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES68}, lab.Spec{Engine: lab.OS219})
	p.load(t, library(t, 2000), logs("logs-2026.11.01", 3000))
	source := wired(t, p.source.URL())
	p.sourceURL = source.URL
	hold := filepath.Join(p.dir, "hold")
	yaml := p.config(t, "live", "code, logs-*", "cutover: {hooks: {frozen: [sh, -c, 'while [ -e "+hold+" ]; do sleep 0.1; done']}}\n")
	if err := os.WriteFile(filepath.Join(p.dir, "token"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := p.writing(t, 100, "code", "logs-2026.11.01")
	args := []string{"serve", "--listen", "127.0.0.1:0", "--token-file", filepath.Join(p.dir, "token"), "--interval", "500ms", "--json", "-c", yaml}
	run := started(t, args...)
	b := browsing(t)
	b.visit(t, run.address(t))
	wait := run.ended(t)
	b.signIn(t)
	b.until(t, "both indices are kept up", `document.querySelector("#carried").textContent === "2 of 2" && document.querySelector("#state").textContent === "following"`)

	t.Run("given up from the command line", func(t *testing.T) { p.givenUp(t, yaml, hold) })
	b.until(t, "the page says so", `document.querySelector("#cutover-text").textContent.includes("given up")`)
	b.look(t, "following", 1180, false)
	b.look(t, "following", 390, true)

	t.Run("killed in the freeze", func(t *testing.T) { p.killedFrozen(t, b, yaml, hold, run, wait) })
	b.until(t, "the page misses it", `document.querySelector("#state").textContent === "no connection"`)
	run, wait = p.startedAgain(t, b, source, yaml, args)

	t.Run("paused and bounded", func(t *testing.T) { b.pauses(t, yaml) })

	t.Run("refused for a new index", func(t *testing.T) { p.refused(t, b) })

	b.until(t, "the checklist is green", `document.querySelectorAll("#checks .bad").length === 0`)
	b.click(t, "#cutover")
	b.click(t, "#ask-yes")
	b.until(t, "it is done", `document.querySelector("#state").textContent === "switched"`)
	stop()
	b.look(t, "switched", 390, false)
	b.look(t, "switched", 1180, true)
	p.mustBeEqual(t, "code", "logs-2026.11.01")
	if got := call(t, "GET", p.target.URL()+"/_alias/search", ""); !strings.Contains(got, `"code"`) {
		t.Errorf("the alias of the target: got %s, want index code", got)
	}
	if o := esferry(t, "ctl", "cutover", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "everything is switched already") {
		t.Errorf("another cutover: got %s", o.stderr)
	}
	if err := run.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	b.until(t, "the end", `document.querySelector("#connection").textContent.startsWith("ended")`)
	if code := wait(); code != 0 {
		t.Errorf("got exit code %d after the switch, want 0: %s", code, tail(run.stderr.String()))
	}
	b.mustBeQuiet(t)
}

// givenUp freezes for as long as a file is there, and lets ctl abort lift that.
func (p *pair) givenUp(t *testing.T, yaml, hold string) {
	t.Helper()
	if o := esferry(t, "ctl", "abort", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "no cutover is under way") {
		t.Errorf("without a cutover: got %s", o.stderr)
	}
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waiting := started(t, "ctl", "cutover", "-c", yaml)
	until(t, "the freeze", func() bool { return p.blocked(t) })
	if o := esferry(t, "ctl", "cutover", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "under way already") {
		t.Errorf("a second cutover: got %s", o.stderr)
	}
	o := esferry(t, "ctl", "abort", "--json", "-c", yaml).want(t, 0)
	var ended struct{ Type, State string }
	decode(t, o.stdout, &ended)
	if ended.Type != "cutover" || ended.State != "given_up" || p.blocked(t) {
		t.Errorf("got %s, and a block: %v", o.stdout, p.blocked(t))
	}
	if code := waiting.end(t); code != 1 || !strings.Contains(waiting.stderr.String(), "given up") {
		t.Errorf("whoever waited for it: got exit code %d and %s", code, waiting.stderr.String())
	}
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
}

// startedAgain starts the ferry over a freeze that an earlier one has left. Until it
// follows the source, the page does not say so, and a cutover is refused.
func (p *pair) startedAgain(t *testing.T, b *browser, source *faults.Wire, yaml string, args []string) (run *process, wait func() int) {
	t.Helper()
	goOn := source.Hold("/_template")
	defer goOn()
	run = started(t, args...)
	page := run.address(t)
	run.await(t, "an earlier run had left its freeze")
	if p.blocked(t) {
		t.Error("the freeze of the one that died was not lifted")
	}
	b.visit(t, page)
	wait = run.ended(t)
	b.signIn(t)
	b.until(t, "it looks around, with everything carried", `document.querySelector("#carried").textContent === "2 of 2" && document.querySelector("#state").textContent === "looking around"`)
	if o := esferry(t, "ctl", "cutover", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "does not follow the source at present") {
		t.Errorf("before it follows: got %s", o.stderr)
	}
	goOn()
	return run, wait
}

// blocked reports whether the source refuses writes.
func (p *pair) blocked(t *testing.T) bool {
	t.Helper()
	return strings.Contains(call(t, "GET", p.source.URL()+"/code/_settings?flat_settings=true", ""), "blocks.write")
}

// killedFrozen kills the ferry under the freeze; who waits for the cutover hears
// of it.
func (p *pair) killedFrozen(t *testing.T, b *browser, yaml, hold string, run *process, wait func() int) {
	t.Helper()
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waiting := started(t, "ctl", "cutover", "-c", yaml)
	b.until(t, "the freeze", `document.querySelector("#cutover-text").textContent.includes("Writers are held back for")`)
	b.look(t, "cutting-over", 390, true)
	if err := run.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Its hook would hold its output open.
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	wait()
	if code := waiting.end(t); code != 1 || !strings.Contains(waiting.stderr.String(), "the ferry has ended before its cutover") {
		t.Errorf("whoever waited for it: got exit code %d and %s", code, waiting.stderr.String())
	}
}

// refused cuts over although the checklist names an index that is not carried:
// that fails before the freeze, and the page says why.
func (p *pair) refused(t *testing.T, b *browser) {
	t.Helper()
	call(t, "PUT", p.source.URL()+"/logs-new", "")
	b.until(t, "the red line", `document.querySelector("#checks").textContent.includes("logs-new is new on the source")`)
	b.click(t, "#cutover")
	if got := asked[string](t, b, `document.querySelector("#ask").textContent`); !strings.Contains(got, "logs-new is new on the source") {
		t.Errorf("the question does not name what is red: %s", got)
	}
	b.look(t, "asked", 390, true)
	b.click(t, "#ask-yes")
	b.until(t, "the failure", `document.querySelector("#cutover-text").textContent.includes("index logs-new is new on the source")`)
	b.until(t, "that it follows as before", `document.querySelector("#state").textContent === "following"`)
	call(t, "DELETE", p.source.URL()+"/logs-new", "")
}

// address reads events until one tells where the page is.
func (p *process) address(t *testing.T) string {
	t.Helper()
	for {
		line, ok := p.next()
		if !ok {
			p.end(t)
			t.Fatalf("it ended before it told of a page: %s", tail(p.stderr.String()))
		}
		if at := regexp.MustCompile(`the live page is (http://[0-9.:]+/)`).FindStringSubmatch(line); at != nil {
			return at[1]
		}
	}
}

// browser is a headless Chromium that looks at one page.
type browser struct {
	ctx context.Context

	mu sync.Mutex
	// own are the hosts of the pages that were visited: one that is left may still
	// ask its own when the next one is named.
	own []string
	// others are hosts beside the page's that were asked for anything, and
	// complaints are what the console was told.
	others, complaints []string
}

// browsing starts one for the length of a test. Without a Chromium the test fails.
func browsing(t *testing.T) *browser {
	t.Helper()
	// Root may not have the sandbox, and a container's /dev/shm may be small.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	allocated, free := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(free)
	ctx, end := chromedp.NewContext(allocated)
	t.Cleanup(end)
	b := &browser{ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// visit goes to a page.
func (b *browser) visit(t *testing.T, page string) {
	t.Helper()
	at, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.own = append(b.own, at.Host)
	b.mu.Unlock()
	b.do(t, chromedp.Navigate(page))
}

// hear keeps what the browser did beside showing the page.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if asked, err := url.Parse(e.Request.URL); err != nil || !slices.Contains(b.own, asked.Host) {
			b.others = append(b.others, e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("%+v", e))
	case *log.EventEntryAdded:
		// The one that was killed under the page's eyes is expected to be missed.
		if !strings.Contains(e.Entry.Text, "net::ERR_") {
			b.complaints = append(b.complaints, e.Entry.Text)
		}
	}
}

type action = chromedp.Action[chromedp.Void]

func (b *browser) do(t *testing.T, actions ...action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		t.Fatalf("%v; the console was told %q", err, b.complaints)
	}
}

// asked gives what an expression is on the page.
func asked[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	is, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return is
}

// signIn gives a wrong token, and then the right one.
func (b *browser) signIn(t *testing.T) {
	t.Helper()
	give := func(text string) {
		t.Helper()
		b.do(t, chromedp.WaitVisible(chromedp.CSS("#token")), chromedp.SendKeys(chromedp.CSS("#token"), text), chromedp.Submit(chromedp.CSS("#token")))
	}
	give("another")
	b.do(t, chromedp.WaitVisible(chromedp.CSS("#refused")))
	b.look(t, "sign-in", 390, false)
	give(token)
	b.do(t, chromedp.WaitVisible(chromedp.CSS("#page")))
}

// click presses what is visible, wherever the next update moves it.
func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	b.do(t, chromedp.WaitVisible(chromedp.CSS(selector)))
	if !asked[bool](t, b, fmt.Sprintf(`(document.querySelector(%q).click(), true)`, selector)) {
		t.Fatalf("%s was not pressed", selector)
	}
}

// until waits for a condition of the page.
func (b *browser) until(t *testing.T, what, condition string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Minute)
	defer cancel()
	err := retry.Poll(ctx, what, 50*time.Millisecond, func(context.Context) (bool, error) { return asked[bool](t, b, condition), nil })
	if err != nil {
		t.Fatalf("%v; the page says %s", err, asked[string](t, b, `document.body.innerText`))
	}
}

// pauses by the page and asks the command line; what one sets, the other shows.
func (b *browser) pauses(t *testing.T, yaml string) {
	t.Helper()
	b.click(t, "#indices button")
	b.until(t, "the watermarks", `document.querySelector(".shards")?.textContent.includes("shard 0: carried up to") === true`)
	b.click(t, "#pause")
	b.until(t, "the pause", `document.querySelector("#state").textContent === "paused"`)
	if now := ctl(t, yaml, "rate", "--docs-per-second", "5000"); !now.Paused || now.Rate.Docs != 5000 {
		t.Errorf("after the button: got %+v", now)
	}
	b.until(t, "the rate", `document.querySelector("#pace").textContent.includes("5,000 documents/s")`)
	b.do(t, chromedp.SendKeys(chromedp.CSS("#rate"), "0"))
	b.click(t, "#rate-form button")
	b.click(t, "#resume")
	b.until(t, "the end of the pause", `document.querySelector("#state").textContent === "following" && document.querySelector("#pace").textContent.includes("Boundsnone")`)
}

// look checks that the page fits, light or dark, and keeps a picture where
// ESFERRY_PICTURES names a folder.
func (b *browser) look(t *testing.T, name string, width int64, dark bool) {
	t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.EmulateViewport(width, 844))
	b.until(t, "the plots to fit", `page.plots.every((p) => p.at.clientWidth === p.u.width)`)
	wide := asked[bool](t, b, `document.documentElement.scrollWidth > innerWidth`)
	back := asked[string](t, b, `getComputedStyle(document.body).backgroundColor`)
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if wide {
		t.Errorf("%s: the page is wider than %d px", name, width)
	}
	if want := map[bool]string{false: "rgb(244, 246, 248)", true: "rgb(16, 22, 28)"}[dark]; back != want {
		t.Errorf("%s, %s: got background %s, want %s", name, scheme, back, want)
	}
	if folder := os.Getenv("ESFERRY_PICTURES"); folder != "" {
		file := filepath.Join(folder, strings.Join([]string{name, map[bool]string{true: "phone", false: "desktop"}[width < 500], scheme}, "-")+".png")
		if err := os.WriteFile(file, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mustBeQuiet checks what the browser did beside showing the page.
func (b *browser) mustBeQuiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.others) > 0 {
		t.Errorf("the page asked others: %q", b.others)
	}
	if len(b.complaints) > 0 {
		t.Errorf("the console was told %q", b.complaints)
	}
}
