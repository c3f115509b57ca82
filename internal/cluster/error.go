package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"esferry/internal/retry"
)

// Error is any failure of a call to an engine.
type Error struct {
	// Op says what was being done, as a verb and its object.
	Op string
	// Index is the index it was done to; may be empty.
	Index string
	// URL is the cluster's address, without credentials.
	URL string
	// Status is the HTTP status; 0 when no answer came.
	Status int
	// Type and Reason are the engine's own words.
	Type, Reason string
	// Hint is the next step for an operator; may be empty.
	Hint string
	// Err is the error below, such as a refused connection; may be nil.
	Err error

	// signature says that Amazon did not take the signature.
	signature bool
}

// Error gives one sentence.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Index != "" {
		b.WriteString(" of index " + e.Index)
	}
	b.WriteString(" at " + e.URL)
	switch {
	case e.Status != 0 && e.Reason != "":
		fmt.Fprintf(&b, ": status %d: %s", e.Status, e.Reason)
		if e.Type != "" {
			b.WriteString(" (" + e.Type + ")")
		}
	case e.Status != 0:
		fmt.Fprintf(&b, ": status %d %s", e.Status, http.StatusText(e.Status))
	case e.Reason != "":
		b.WriteString(": " + e.Reason)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the error below.
func (e *Error) Unwrap() error { return e.Err }

// NextStep is the hint that is printed on a line of its own.
func (e *Error) NextStep() string { return e.Hint }

// Temporary reports whether another try may help: no answer at all, too many
// requests, an answer with holes, or a server that says it is not ready.
func (e *Error) Temporary() bool {
	switch e.Status {
	case 0:
		if c, ok := errors.AsType[*CredentialsError](e.Err); ok {
			return c.Temporary()
		}
		return e.Err != nil || e.Type == partialAnswer
	case http.StatusTooManyRequests:
		return !blocked(e.Status, e.Type)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusInternalServerError:
		return strings.Contains(e.Reason, scrollsUsedUp)
	case http.StatusForbidden:
		// Amazon's service throttles with 403 "Request throttled due to too many requests".
		return strings.Contains(e.Reason, "throttled")
	default:
		return false
	}
}

// blocked tells a block that somebody has to lift from a queue that is full.
func blocked(status int, kind string) bool {
	return kind == "cluster_block_exception" && status < http.StatusInternalServerError
}

// scrollsUsedUp is how engines before 7.11 refuse another scroll, with status 500:
// others are being read, and will be freed (seen on 7.10).
const scrollsUsedUp = "too many scroll contexts"

// Ambiguous reports whether the engine may have done what was asked although
// no answer says so: read back, never repeat blindly.
func (e *Error) Ambiguous() bool {
	return e.Err != nil || e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout
}

// Forbidden reports whether err says that the user may not do it. A signature
// that was not taken says nothing about that.
func Forbidden(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusForbidden && !retry.Retryable(err) && !e.signature
}

// NotFound reports whether err is an engine's 404.
func NotFound(err error) bool { return statusOf(err) == http.StatusNotFound }

// Moved reports whether err is an engine's refusal to ask a node for a shard that is
// no longer there: it was the primary's when its position was read. Asked elsewhere,
// the shard would have to be refreshed again first.
func Moved(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest && strings.Contains(e.Reason, "no data nodes with criteria")
}

// AlreadyThere reports whether err is an engine's refusal to make an index that
// exists, by create or by restore.
func AlreadyThere(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Type == "resource_already_exists_exception" || e.Type == "index_already_exists_exception" ||
		e.Type == "snapshot_restore_exception" && (strings.Contains(e.Reason, "already exists") || strings.Contains(e.Reason, "because it's open")))
}

// NotAllowed reports whether a managed service keeps a call from its users: its
// front door answers, in words of its own, and the engine never hears of it.
func NotAllowed(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Type != "" || !strings.Contains(e.Reason, "is not allowed") {
		return false
	}
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusMethodNotAllowed
}

// SnapshotInTheWay reports whether a snapshot, or a deletion of one, has to end
// before what was asked for can be done.
func SnapshotInTheWay(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Type == "concurrent_snapshot_execution_exception" || e.Type == "snapshot_in_progress_exception")
}

// NameTaken reports whether a snapshot of that name is there already.
func NameTaken(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Type == "invalid_snapshot_name_exception" || e.Type == "snapshot_name_already_in_use_exception") && !strings.Contains(e.Reason, "must ")
}

// Ambiguous reports whether err is an *Error whose effect is not known.
func Ambiguous(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Ambiguous()
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// partialAnswer is the Type of an error that tells of an answer with holes.
const partialAnswer = "partial_answer"

// partial is an answer that covers less than was asked for. It is never
// repeated as a page, only as a whole (protocol 1.2).
func partial(op, index, url, format string, args ...any) *Error {
	return &Error{
		Op: op, Index: index, URL: url, Type: partialAnswer, Reason: fmt.Sprintf(format, args...),
		Hint: "check that every primary shard is started (GET _cat/shards), then run the command again; it resumes",
	}
}

// fail makes an *Error from an answer's status and body. The body may be an
// engine's JSON, a proxy's HTML or nothing.
func (c *Cluster) fail(r request, status int, header http.Header, body []byte) *Error {
	e := &Error{Op: r.op, Index: r.index, URL: c.address, Status: status}
	e.Type, e.Reason = reasonOf(body)
	e.Reason = withoutCanonical(e.Reason)
	switch status {
	case http.StatusUnauthorized:
		e.Hint = "check user, password or key under auth in the configuration"
	case http.StatusForbidden:
		e.Hint = "give the user the privilege named; docs/privileges.md has whole roles"
		if g, ok := Missing(e.Reason); ok {
			e.Hint = g.Hint(c.side)
		}
		e.refused(header)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		e.Hint = "the cluster is overloaded or not ready; run the command again, it resumes"
	}
	switch {
	case blocked(status, e.Type):
		e.Hint = "lift the block on the index, or free disk space where it is the flood-stage block"
	case Moved(e):
		e.Hint = "a primary has moved, or its node is being restarted; run the command again, it resumes"
	case strings.Contains(e.Reason, scrollsUsedUp):
		e.Hint = "raise search.max_open_scroll_context, or lower stream.readers, or wait until others have read"
	case status == http.StatusNotFound && e.Type == "index_not_found_exception":
		e.Hint = c.gone()
	}
	if hint := repositoryHint(e, ""); status >= http.StatusInternalServerError && hint != "" {
		e.Hint = hint
	}
	if status >= 300 && status < 400 {
		e.Reason = "the server redirects, and credentials are never sent to another address"
		e.Hint = "put the address it redirects to under url in the configuration"
	}
	return e
}

// gone is the next step where an index that was there no longer is.
func (c *Cluster) gone() string {
	return "the index is gone on the " + c.side + ": bring it back, or have it forgotten with esferry checkpoint reset"
}

// refused tells Amazon's refusals of a signature from an engine's of a deed.
func (e *Error) refused(header http.Header) {
	hint := signatureHint(e.Reason, header)
	if hint == "" {
		return
	}
	e.Hint, e.signature = hint, !strings.Contains(e.Reason, "not authorized")
}

func reasonOf(body []byte) (kind, reason string) {
	var answer struct {
		Error   json.RawMessage
		Message string
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", oneLine(body)
	}
	var detail struct {
		cause
		RootCause []struct{ Type, Reason string } `json:"root_cause"`
	}
	if len(answer.Error) == 0 || json.Unmarshal(answer.Error, &detail) != nil {
		var text string
		if json.Unmarshal(answer.Error, &text) == nil && text != "" {
			return "", text
		}
		return "", answer.Message
	}
	reason = detail.Reason
	if len(detail.RootCause) > 0 && detail.RootCause[0].Reason != reason {
		reason += "; root cause: " + detail.RootCause[0].Reason
	}
	for c, depth := detail.CausedBy, 0; c != nil && depth < mostCauses; c, depth = c.CausedBy, depth+1 {
		if c.Reason != "" && !strings.Contains(reason, c.Reason) {
			reason += "; caused by: " + c.Reason
		}
	}
	return detail.Type, reason
}

// mostCauses bounds a chain of causes. The one that an operator can do
// something about is often the last: a bucket that does not exist is the third.
const mostCauses = 4

// cause is why an engine could not do something, and why that.
type cause struct {
	Type, Reason string
	CausedBy     *cause `json:"caused_by"`
}

// oneLine makes foreign text fit for a sentence: bounded, no control bytes.
func oneLine(body []byte) string {
	const most = 200
	body = bytes.TrimSpace(body)
	if len(body) > most {
		body = body[:most]
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, string(body)), "")
}
