package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// mostPolicies is how many state policies are asked for at once, and more than
// anybody has.
const mostPolicies = 1000

// lifecyclePolicies keeps of {NAME: {"policy": body, ...}} what is the user's:
// number and time of the last change are the engine's.
func (c *Cluster) lifecyclePolicies(r request, answer map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	all := make(map[string]json.RawMessage, len(answer))
	for name, raw := range answer {
		var entry struct{ Policy json.RawMessage }
		if err := json.Unmarshal(raw, &entry); err != nil || entry.Policy == nil {
			return nil, c.notUnderstood(r, "a policy has no body")
		}
		all[name] = fmt.Appendf(nil, `{"policy":%s}`, entry.Policy)
	}
	return all, nil
}

// statePolicies reads {"policies": [{"_id": name, "policy": body}], ...}, less
// what the engine adds to each.
func (c *Cluster) statePolicies(r request, answer map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	var entries []struct {
		ID     string `json:"_id"`
		Policy map[string]json.RawMessage
	}
	if err := json.Unmarshal(answer["policies"], &entries); err != nil {
		return nil, c.notUnderstood(r, err.Error())
	}
	if total := string(answer["total_policies"]); total != strconv.Itoa(len(entries)) {
		return nil, c.notUnderstood(r, fmt.Sprintf("%d policies came of %s", len(entries), total))
	}
	all := make(map[string]json.RawMessage, len(entries))
	for _, e := range entries {
		if e.ID == "" || e.Policy == nil {
			return nil, c.notUnderstood(r, "a policy has no name or no body")
		}
		for _, own := range []string{"policy_id", "last_updated_time", "schema_version", "user"} {
			delete(e.Policy, own)
		}
		body, err := json.Marshal(e.Policy)
		if err != nil {
			return nil, c.notUnderstood(r, err.Error())
		}
		all[e.ID] = fmt.Appendf(nil, `{"policy":%s}`, body)
	}
	return all, nil
}

// replacing gives the parameters by which an existing state policy may be
// replaced: the engine wants to be told which one is meant.
func (c *Cluster) replacing(ctx context.Context, name string) (url.Values, error) {
	segments, _ := c.identity.endpoint(StatePolicy)
	var there struct {
		SeqNo int64 `json:"_seq_no"`
		Term  int64 `json:"_primary_term"`
	}
	err := c.call(ctx, request{op: "read the " + string(StatePolicy) + " " + name, method: http.MethodGet, path: path(append(segments, name)...)}, &there)
	if NotFound(err) {
		return nil, nil
	}
	return params("if_seq_no", strconv.FormatInt(there.SeqNo, 10), "if_primary_term", strconv.FormatInt(there.Term, 10)), err
}
