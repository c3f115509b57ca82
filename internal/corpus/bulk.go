package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// action is what one item of a bulk does.
type action string

const (
	doIndex  action = "index"
	doCreate action = "create"
	doUpdate action = "update"
	doDelete action = "delete"
)

// target is the line before a document.
type target struct {
	Index string `json:"_index"`
	Type  string `json:"_type,omitempty"`
	ID    string `json:"_id"`
	// The engines before 7 know both spellings, those after only this one.
	Routing string `json:"routing,omitempty"`
	Parent  string `json:"parent,omitempty"`
}

// ref says which document of an index.
type ref struct{ id, routing, kind, parent string }

// to is the line for a document of an index.
func (e *Engine) to(index string, r ref) target {
	t := target{Index: index, Type: e.mappingType, ID: r.id, Routing: r.routing, Parent: r.parent}
	if r.kind != "" {
		t.Type = r.kind
	}
	return t
}

// item is the engine's verdict about one action.
type item struct {
	Status int
	Error  struct{ Type, Reason string }
}

// applied reports whether the engine did it. A delete of a document that is
// not there is done as well.
func (i item) applied() bool { return i.Status < http.StatusMultipleChoices }

// blocked reports a refusal by the write block of an index.
func (i item) blocked() bool {
	return i.Status == http.StatusForbidden && i.Error.Type == "cluster_block_exception"
}

func (i item) String() string {
	return fmt.Sprintf("status %d: %s: %s", i.Status, i.Error.Type, i.Error.Reason)
}

// add writes one action. A source that spans lines cannot be sent this way.
func (e *Engine) add(body *bytes.Buffer, do action, index string, r ref, source []byte) error {
	line, err := json.Marshal(map[action]target{do: e.to(index, r)})
	if err != nil {
		return fmt.Errorf("write the action for %q: %w", r.id, err)
	}
	body.Write(line)
	body.WriteByte('\n')
	if do != doDelete {
		body.Write(source)
		body.WriteByte('\n')
	}
	return nil
}

// bulk sends the actions and gives one verdict for each of n.
func (e *Engine) bulk(ctx context.Context, body []byte, n int) ([]item, error) {
	status, answer, err := e.do(ctx, http.MethodPost, "/_bulk", body)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, e.refusal(http.MethodPost, "/_bulk", status, answer)
	}
	var result struct{ Items []map[action]item }
	if err := json.Unmarshal(answer, &result); err != nil {
		return nil, fmt.Errorf("read the answer to a bulk: %w", err)
	}
	if len(result.Items) != n {
		return nil, fmt.Errorf("a bulk of %d actions was answered with %d items", n, len(result.Items))
	}
	items := make([]item, n)
	for i, by := range result.Items {
		for _, it := range by {
			items[i] = it
		}
	}
	return items, nil
}
