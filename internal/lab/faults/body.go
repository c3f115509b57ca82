package faults

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

// rejected is how an engine with full queues names its refusal.
const rejected = `{"type":"es_rejected_execution_exception","reason":"rejected execution: the queue is full (injected)"}`

// plain gives a body without the compression that its header names; what
// cannot be unpacked is empty.
func plain(header http.Header, body []byte) []byte {
	if header.Get("Content-Encoding") != "gzip" {
		return body
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	if body, err = io.ReadAll(unpacked); err != nil {
		return nil
	}
	return body
}

// item is one operation of a bulk.
type item struct {
	op     string
	target target
	// action and source are the lines as they came; deletes have no source.
	action, source []byte
}

// target is the document that an operation is on, as the client wrote it.
type target struct {
	Index json.RawMessage `json:"_index"`
	ID    json.RawMessage `json:"_id"`
}

// bulkItems cuts a bulk's body. Lines that are no action are passed over.
func bulkItems(body []byte) (items []item) {
	wantsSource := false
	for line := range bytes.Lines(body) {
		if wantsSource {
			items[len(items)-1].source, wantsSource = line, false
			continue
		}
		var action map[string]target
		if json.Unmarshal(line, &action) != nil {
			continue
		}
		for op, on := range action {
			items = append(items, item{op: op, target: on, action: line})
			wantsSource = op != "delete"
		}
	}
	return items
}

// busy tells which items of a bulk BusyItems withholds, by their number.
func busy(i int) bool { return i%3 == 2 }

// withoutBusy is the body of a bulk that lacks its busy items.
func withoutBusy(items []item) []byte {
	var body bytes.Buffer
	for i, it := range items {
		if !busy(i) {
			body.Write(it.action)
			body.Write(it.source)
		}
	}
	return body.Bytes()
}

// withBusy puts the verdicts on busy items between those that the engine gave
// on the others. Where the engine did not give one on each of them, the answer
// stays as it is.
func withBusy(answer []byte, items []item, index string) ([]byte, bool) {
	var members map[string]json.RawMessage
	var given []json.RawMessage
	if json.Unmarshal(answer, &members) != nil || json.Unmarshal(members["items"], &given) != nil ||
		len(given) != len(items)-len(items)/3 {
		return answer, false
	}
	verdicts := make([]json.RawMessage, 0, len(items))
	for i, it := range items {
		if !busy(i) {
			verdicts, given = append(verdicts, given[0]), given[1:]
			continue
		}
		on := it.target
		if on.Index == nil {
			on.Index = json.RawMessage(strconv.Quote(index))
		}
		if on.ID == nil {
			on.ID = json.RawMessage("null")
		}
		verdicts = append(verdicts, fmt.Appendf(nil, `{%q:{"_index":%s,"_id":%s,"status":429,"error":%s}}`, it.op, on.Index, on.ID, rejected))
	}
	list, err := json.Marshal(verdicts)
	if err != nil {
		return answer, false
	}
	members["errors"], members["items"] = json.RawMessage("true"), list
	merged, err := json.Marshal(members)
	if err != nil {
		return answer, false
	}
	return merged, true
}

// asked counts the documents that a multi-get asks for.
func asked(body []byte) int {
	var request struct{ Docs, IDs []json.RawMessage }
	if json.Unmarshal(body, &request) != nil {
		return 0
	}
	return len(request.Docs) + len(request.IDs)
}

// hits counts the documents of a page.
func hits(body []byte) int {
	var page struct {
		// Nothing of the documents is looked at.
		Hits struct{ Hits []struct{} }
	}
	if json.Unmarshal(body, &page) != nil {
		return 0
	}
	return len(page.Hits.Hits)
}

// rewrite replaces the first match of pattern by what with makes of it, but
// only before the documents of a search: those stay what they are, whatever
// they hold. It fails where there is none, or nothing to change in it.
func rewrite(body []byte, pattern string, with func([]byte) []byte) ([]byte, bool) {
	head := len(body)
	if at := regexp.MustCompile(`"hits"\s*:`).FindIndex(body); at != nil {
		head = at[0]
	}
	at := regexp.MustCompile(pattern).FindIndex(body[:head])
	if at == nil {
		return body, false
	}
	changed := with(body[at[0]:at[1]])
	return bytes.Join([][]byte{body[:at[0]], changed, body[at[1]:]}, nil), !bytes.Equal(changed, body[at[0]:at[1]])
}

// failShard books one successful shard of an answer as failed.
func failShard(body []byte) ([]byte, bool) {
	return rewrite(body, `"_shards"\s*:\s*\{[^{}]*\}`, func(shards []byte) []byte {
		number := regexp.MustCompile(`("(successful|failed)"\s*:\s*)(\d+)`)
		return number.ReplaceAllFunc(shards, func(member []byte) []byte {
			part := number.FindSubmatch(member)
			n, err := strconv.Atoi(string(part[3]))
			switch {
			case err != nil:
				return member
			case string(part[2]) == "failed":
				n = 1
			default:
				n = max(0, n-1)
			}
			return fmt.Appendf(nil, "%s%d", part[1], n)
		})
	})
}

// timeOut says that a search has timed out.
func timeOut(body []byte) ([]byte, bool) {
	return rewrite(body, `"timed_out"\s*:\s*false`, func(member []byte) []byte {
		return bytes.Replace(member, []byte("false"), []byte("true"), 1)
	})
}

// fillQueues lets every node have searches that wait.
func fillQueues(body []byte) ([]byte, bool) {
	queue := regexp.MustCompile(`("search"\s*:\s*\{[^{}]*"queue"\s*:\s*)\d+`)
	full := queue.ReplaceAll(body, []byte("${1}1000"))
	return full, !bytes.Equal(full, body)
}
