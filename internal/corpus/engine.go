package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Engine is one cluster seen by plain HTTP. Safe for concurrent use.
type Engine struct {
	url    string
	client *http.Client
	// mappingType is what the engine wants beside an index: "doc" in
	// Elasticsearch 2 and 5, "_doc" in 6, nothing after.
	mappingType string
	// strings says that the engine, Elasticsearch 2, has the one type string
	// for what became keyword and text.
	strings bool
}

// Open asks the engine at address what it is. The address may carry user and
// password. client is for engines that need another than the plain one.
func Open(ctx context.Context, address string, client *http.Client) (*Engine, error) {
	if client == nil {
		// Without kept connections there is nothing to close. Loopback is cheap.
		client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	e := &Engine{url: strings.TrimSuffix(address, "/"), client: client}
	status, body, err := e.do(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return nil, err
	}
	// The stripped distribution of Elasticsearch 8 has no root page.
	if status == http.StatusMethodNotAllowed {
		return e, nil
	}
	if status != http.StatusOK {
		return nil, e.refusal(http.MethodGet, "/", status, body)
	}
	var root struct {
		Version struct{ Number, Distribution string }
	}
	if err := json.Unmarshal(body, &root); err != nil {
		return nil, fmt.Errorf("read what the engine at %s is: %w", e.place(), err)
	}
	major, _, _ := strings.Cut(root.Version.Number, ".")
	switch n, err := strconv.Atoi(major); {
	case err != nil:
		return nil, fmt.Errorf("read what the engine at %s is: version %q", e.place(), root.Version.Number)
	case root.Version.Distribution != "" || n > 6:
	case n == 6:
		e.mappingType = "_doc"
	default:
		e.mappingType = "doc"
		e.strings = n < 5
	}
	return e, nil
}

// Create makes an index with the given shards, without replicas. mapping is a
// JSON object with properties, or empty for a dynamic one.
func (e *Engine) Create(ctx context.Context, index string, shards int, mapping string) error {
	settings := fmt.Sprintf(`"number_of_shards":%d,"number_of_replicas":0`, shards)
	if e.mappingType == "doc" && strings.Contains(mapping, `"join"`) {
		// Elasticsearch 5 has joins only where it promises to be like 6.
		settings += `,"mapping.single_type":true`
	}
	if mapping != "" && e.mappingType != "" {
		mapping = `{"` + e.mappingType + `":` + mapping + `}`
	}
	return e.create(ctx, index, settings, mapping)
}

// CreateTypes makes an index of several types, in Elasticsearch 2 or 5, with
// the given shards, without replicas. mappings is a JSON object with the
// mapping of each type.
func (e *Engine) CreateTypes(ctx context.Context, index string, shards int, mappings string) error {
	return e.create(ctx, index, fmt.Sprintf(`"number_of_shards":%d,"number_of_replicas":0`, shards), mappings)
}

func (e *Engine) create(ctx context.Context, index, settings, mappings string) error {
	body := `{"settings":{` + settings + `}`
	if e.strings {
		mappings = strings.NewReplacer(`"type":"keyword"`, `"type":"string","index":"not_analyzed"`, `"type":"text"`, `"type":"string"`).Replace(mappings)
	}
	if mappings != "" {
		body += `,"mappings":` + mappings
	}
	return e.expect(ctx, http.MethodPut, "/"+url.PathEscape(index), []byte(body+"}"))
}

// Refresh makes all that was written findable.
func (e *Engine) Refresh(ctx context.Context, index string) error {
	return e.expect(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_refresh", nil)
}

// Get reads the source of one document, byte for byte. It asks by a list of
// one, since ids such as "_search" mean something else in a path.
func (e *Engine) Get(ctx context.Context, index, id, routing string) ([]byte, error) {
	body, err := json.Marshal(map[string][]target{"docs": {e.to(index, ref{id: id, routing: routing})}})
	if err != nil {
		return nil, fmt.Errorf("ask for document %q of %s: %w", id, index, err)
	}
	status, answer, err := e.do(ctx, http.MethodPost, "/_mget", body)
	if err != nil {
		return nil, err
	}
	var result struct {
		Docs []struct {
			Found  bool            `json:"found"`
			Source json.RawMessage `json:"_source"`
		} `json:"docs"`
	}
	if status != http.StatusOK {
		return nil, e.refusal(http.MethodPost, "/_mget", status, answer)
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return nil, fmt.Errorf("read document %q of %s: %w", id, index, err)
	}
	if len(result.Docs) != 1 || !result.Docs[0].Found {
		return nil, fmt.Errorf("read document %q of %s: %.300s", id, index, answer)
	}
	return result.Docs[0].Source, nil
}

// docPath is the place of a document with an ordinary id.
func (e *Engine) docPath(index string, r ref) string {
	t := e.to(index, r)
	if t.Type == "" {
		t.Type = "_doc"
	}
	query := url.Values{}
	if t.Routing != "" {
		query.Set("routing", t.Routing)
	}
	if t.Parent != "" {
		query.Set("parent", t.Parent)
	}
	path := "/" + url.PathEscape(index) + "/" + url.PathEscape(t.Type) + "/" + url.PathEscape(r.id)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// expect sends a request that has to succeed.
func (e *Engine) expect(ctx context.Context, method, path string, body []byte) error {
	status, answer, err := e.do(ctx, method, path, body)
	if err == nil && status >= http.StatusMultipleChoices {
		err = e.refusal(method, path, status, answer)
	}
	return err
}

func (e *Engine) refusal(method, path string, status int, body []byte) error {
	return fmt.Errorf("%s %s%s: status %d: %.500s", method, e.place(), path, status, body)
}

// place is the address without user and password.
func (e *Engine) place() string {
	u, err := url.Parse(e.url)
	if err != nil {
		return "the engine"
	}
	u.User = nil
	return u.String()
}

// do sends one request and reads the whole answer.
func (e *Engine) do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, e.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s%s: %w", method, e.place(), path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/_bulk") {
		request.Header.Set("Content-Type", "application/x-ndjson")
	}
	response, err := e.client.Do(request)
	if err != nil {
		// The client's own words hold the address with its password.
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return 0, nil, fmt.Errorf("%s %s%s: %w", method, e.place(), path, err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s%s: %w", method, e.place(), path, err)
	}
	return response.StatusCode, answer, nil
}
