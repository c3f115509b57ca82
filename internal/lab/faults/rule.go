package faults

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind is what a request asks of an engine.
type Kind string

// The kinds. A path that fits none of them is Other.
const (
	// Bulk is a path that ends in /_bulk.
	Bulk Kind = "bulk"
	// Scroll is a search that reads documents: the first page of a scroll, or the
	// only one of a search without.
	Scroll Kind = "scroll"
	// Page asks a scroll for its next page.
	Page Kind = "page"
	// CloseScroll frees scrolls.
	CloseScroll Kind = "close scroll"
	// Search is any other search, several in one request included.
	Search Kind = "search"
	// MGet asks for documents by their ids.
	MGet Kind = "mget"
	// Count is a path that ends in /_count.
	Count Kind = "count"
	// Stats asks for the statistics of indices.
	Stats Kind = "stats"
	// State asks for the cluster's state.
	State Kind = "state"
	// Refresh is a path that ends in /_refresh.
	Refresh Kind = "refresh"
	// TakeSnapshot asks for a snapshot, RestoreSnapshot for one to be restored.
	TakeSnapshot    Kind = "take snapshot"
	RestoreSnapshot Kind = "restore snapshot"
	// PutSettings changes the settings of indices.
	PutSettings Kind = "put settings"
	// NodeStats asks for the statistics of nodes.
	NodeStats Kind = "node stats"
	// Other is everything else.
	Other Kind = "other"
)

func kindOf(r *http.Request) Kind {
	steps := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	last := steps[len(steps)-1]
	switch {
	case last == "_bulk":
		return Bulk
	case len(steps) > 1 && steps[0] == "_search" && steps[1] == "scroll":
		if r.Method == http.MethodDelete {
			return CloseScroll
		}
		return Page
	case last == "_search" && (r.URL.Query().Has("scroll") || r.URL.Query().Has("allow_partial_search_results")):
		return Scroll
	case last == "_search", last == "_msearch":
		return Search
	case last == "_mget":
		return MGet
	case last == "_count":
		return Count
	case last == "_refresh":
		return Refresh
	case len(steps) > 1 && steps[0] == "_cluster" && steps[1] == "state":
		return State
	case steps[0] == "_nodes" && slices.Contains(steps, "stats"):
		return NodeStats
	case slices.Contains(steps, "_stats"):
		return Stats
	default:
		return changeOf(r.Method, steps, last)
	}
}

// changeOf tells requests apart that change more than documents.
func changeOf(method string, steps []string, last string) Kind {
	switch {
	case last == "_restore":
		return RestoreSnapshot
	case method == http.MethodPut && len(steps) == 3 && steps[0] == "_snapshot":
		return TakeSnapshot
	case method == http.MethodPut && last == "_settings":
		return PutSettings
	default:
		return Other
	}
}

// Fault is what happens to a request or to its answer.
type Fault string

// The faults that the engine never hears of.
const (
	// Refuse resets the connection.
	Refuse Fault = "refuse"
	// TooMany answers 429 as an engine with full queues does.
	TooMany Fault = "too many"
	// Unavailable answers 503 as an engine without a master does.
	Unavailable Fault = "unavailable"
	// Forbidden answers 403 as an engine does to a user without the privilege.
	Forbidden Fault = "forbidden"
	// TooLarge answers 413 with a gateway's HTML, only to bodies of more than
	// Rule.Bytes bytes on the wire.
	TooLarge Fault = "too large"
)

// The faults of requests that the engine carries out, also when the client
// leaves meanwhile. Delay alone heeds the client, as the proxy without faults.
const (
	// LoseAnswer resets the connection instead of answering.
	LoseAnswer Fault = "lose answer"
	// GatewayTimeout answers 504 with a gateway's HTML.
	GatewayTimeout Fault = "gateway timeout"
	// HalfAnswer cuts the connection after half of the body: the true
	// Content-Length is promised, or the last chunk is missing. Empty bodies
	// are left alone.
	HalfAnswer Fault = "half answer"
	// ShortAnswer gives half of the body as a whole and well-formed answer.
	ShortAnswer Fault = "short answer"
	// EmptyAnswer answers 200 without a body.
	EmptyAnswer Fault = "empty answer"
	// BusyItems withholds every third item of a bulk from the engine and gives
	// it status 429 in its place in the answer. Bulks of fewer than three items
	// are left alone, so that a client that repeats the busy ones gets through.
	BusyItems Fault = "busy items"
	// FailedShards books one successful shard as failed in the answer's
	// _shards; scrolls, pages, searches and counts only.
	FailedShards Fault = "failed shards"
	// TimedOut turns timed_out to true; scrolls, pages and searches only.
	TimedOut Fault = "timed out"
	// FullQueue lets each node tell of a thousand searches that wait; statistics
	// of nodes only.
	FullQueue Fault = "full queue"
	// Delay waits for Rule.For before the engine hears of the request.
	Delay Fault = "delay"
	// Trickle gives the body in pieces of about 512 bytes, a millisecond and
	// more between them, about a thousand at most.
	Trickle Fault = "trickle"
)

// Rule says which requests a fault happens to. Requests that its fault has
// nothing to do to, such as a search under BusyItems, do not match.
type Rule struct {
	// Kinds that match; any when empty.
	Kinds []Kind
	// Every nth matching request that no earlier rule took is hit; each one
	// when zero.
	Every int
	// Chance, when above zero, is the share of those that are hit after all.
	Chance float64
	// Seed of the dice behind Chance.
	Seed uint64
	// Times is how often the fault is injected at most; without limit when zero.
	Times int
	// Above, when above zero, keeps the rule to requests that come while more
	// than so many of their kind are under way, themselves included.
	Above int
	// Fault to inject.
	Fault Fault
	// Bytes is the largest body that TooLarge lets pass.
	Bytes int
	// For is how long Delay waits.
	For time.Duration
}

// armed is a rule in use; the proxy's lock guards it.
type armed struct {
	Rule
	dice        *rand.Rand
	seen, fired int
}

func arm(r Rule) *armed {
	r.Kinds = slices.Clone(r.Kinds)
	return &armed{Rule: r, dice: rand.New(rand.NewPCG(r.Seed, 0))} //nolint:gosec // faults have to repeat
}

// fires books the request and reports whether it is hit.
func (r *armed) fires(x exchange) bool {
	spent := r.Times > 0 && r.fired >= r.Times
	if spent || r.Above > 0 && x.beside <= r.Above || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, x.kind) || !r.fits(x) {
		return false
	}
	r.seen++
	if r.Every > 1 && r.seen%r.Every != 0 || r.Chance > 0 && r.dice.Float64() >= r.Chance {
		return false
	}
	r.fired++
	return true
}

func (r *armed) fits(x exchange) bool {
	switch r.Fault {
	case TooLarge:
		return len(x.body) > r.Bytes
	case BusyItems:
		return len(x.items) >= 3
	case FailedShards:
		return slices.Contains([]Kind{Scroll, Page, Search, Count}, x.kind)
	case TimedOut:
		return slices.Contains([]Kind{Scroll, Page, Search}, x.kind)
	case FullQueue:
		return x.kind == NodeStats
	default:
		return true
	}
}
