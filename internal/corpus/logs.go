package corpus

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// LogMapping fits the documents of Logs.
const LogMapping = `{"properties":{
  "@timestamp":{"type":"date"},"level":{"type":"keyword"},"service":{"type":"keyword"},"host":{"type":"keyword"},
  "trace_id":{"type":"keyword"},"message":{"type":"text"},"stack":{"type":"text"},"bytes":{"type":"long"},"duration_ms":{"type":"double"},
  "http":{"properties":{"method":{"type":"keyword"},"path":{"type":"keyword"},"status":{"type":"short"},"agent":{"type":"keyword"},"origin":{"type":"keyword"}}},
  "user":{"properties":{"id":{"type":"long"},"name":{"type":"keyword"}}}}}`

// logLine is the source of one document of Logs.
type logLine struct {
	Timestamp time.Time `json:"@timestamp"`
	Level     string    `json:"level"`
	Service   string    `json:"service"`
	Host      string    `json:"host"`
	TraceID   string    `json:"trace_id"`
	Message   string    `json:"message"`
	HTTP      struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Status int    `json:"status"`
		Agent  string `json:"agent"`
		Origin string `json:"origin"`
	} `json:"http"`
	User struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"user"`
	Bytes      int64   `json:"bytes"`
	DurationMS float64 `json:"duration_ms"`
	Stack      string  `json:"stack,omitempty"`
}

// Logs gives n log lines of about 700 bytes, spread evenly over the day that
// begins at day. The same day, n and seed give the same bytes.
func Logs(day time.Time, n int, seed uint64) Docs {
	return func(yield func(Doc, error) bool) {
		r := newRand(seed, uint64(day.YearDay())+1000*uint64(day.Year())) //nolint:gosec // No year of ours is negative.
		for i := range n {
			at := day.Add(24 * time.Hour / time.Duration(n) * time.Duration(i))
			source, err := encode(newLogLine(r, at))
			if !yield(Doc{ID: fmt.Sprintf("%s-%06d", day.Format(time.DateOnly), i), Source: source}, err) || err != nil {
				return
			}
		}
	}
}

// newRand is a generator whose numbers repeat for the same seeds.
func newRand(a, b uint64) *rand.Rand {
	return rand.New(rand.NewPCG(a, b)) //nolint:gosec // Test data has to repeat.
}

// one picks a word.
func one(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

func newLogLine(r *rand.Rand, at time.Time) logLine {
	l := logLine{
		Timestamp:  at.UTC().Truncate(time.Millisecond),
		Level:      one(r, "DEBUG", "INFO", "INFO", "INFO", "WARN", "ERROR"),
		Service:    one(r, "cart", "checkout", "search", "catalog", "payment", "gateway"),
		Host:       fmt.Sprintf("node-%02d.zone-%s.example", r.IntN(40), one(r, "a", "b", "c")),
		TraceID:    fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()),
		Bytes:      r.Int64N(1 << 40),
		DurationMS: float64(r.IntN(1_000_000)) / 1000,
	}
	l.HTTP.Method = one(r, "GET", "GET", "GET", "POST", "PUT", "DELETE")
	l.HTTP.Path = fmt.Sprintf("/%s/%d/%s?page=%d&sort=%s", one(r, "items", "users", "orders"), r.IntN(1_000_000), one(r, "view", "edit", "list"), r.IntN(90), one(r, "price", "date", "name"))
	l.HTTP.Status = []int{200, 200, 200, 201, 204, 304, 400, 404, 500, 503}[r.IntN(10)]
	l.HTTP.Agent = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/%d.%d (KHTML, like Gecko) Chrome/%d.0.0.0", r.IntN(700), r.IntN(99), r.IntN(140))
	l.HTTP.Origin = fmt.Sprintf("https://shop.example/%s/%s?session=%016x%016x", one(r, "de", "en", "ja", "cs"), one(r, "start", "offers", "basket"), r.Uint64(), r.Uint64())
	// Above 2^53: a mover that reads numbers as floats shows here.
	l.User.ID = 1<<53 + r.Int64N(1<<62)
	l.User.Name = one(r, "ada", "grace", "jürgen", "miyuki", "žofie", "olu") + strconv.Itoa(r.IntN(10_000))
	l.Message = fmt.Sprintf("%s %s answered %d in %.3f ms for <%s> & \"%s\"", l.HTTP.Method, l.HTTP.Path, l.HTTP.Status, l.DurationMS, l.User.Name, l.Service)
	if l.Level == "ERROR" {
		l.Stack = fmt.Sprintf("goroutine %d [running]:\nmain.(*%s).serve(0x%x)\n\t/src/%s/serve.go:%d +0x%x", r.IntN(9999), l.Service, r.Uint64(), l.Service, r.IntN(900), r.IntN(4096))
	}
	return l
}
