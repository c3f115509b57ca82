package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// automatic is the repository that the service keeps for itself.
const automatic = "cs-automated-enc"

// Bucket is one that the service's repositories may be in.
type Bucket struct {
	// Region it is in; Folder is what the engine reaches it as.
	Region, Folder string
}

// Snapshots are the managed service's rules for repositories. They must be of
// type s3 with a role that the signer may pass; the engine, which has no such
// plugin, gets an fs repository in the bucket's folder. Safe for concurrent use.
type Snapshots struct {
	// Region of the domain, and the buckets there are.
	Region  string
	Buckets map[string]Bucket
	// Pass says which principals may pass which role.
	Pass map[string][]string

	mu         sync.Mutex
	registered map[string]registration
}

// registration is the body of a request for one.
type registration struct {
	Type     string         `json:"type"`
	Settings map[string]any `json:"settings"`
}

// judge lets a request pass, perhaps rewritten, refuses it, or has answered it.
func (s *Snapshots) judge(w http.ResponseWriter, r *http.Request, k Key, body []byte) (no *refusal, done bool) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] != "_snapshot" || len(parts) > 1 && strings.HasPrefix(parts[1], "_") && parts[1] != "_all" {
		return nil, false
	}
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case len(parts) > 1 && writes && strings.HasPrefix(parts[1], "cs-"):
		return refuse(AccessDenied, "Your request: '%s' is not allowed.", r.URL.Path), false
	case len(parts) <= 2 && !writes:
		s.show(w, parts[1:])
		return nil, true
	case len(parts) == 2 && r.Method == http.MethodDelete:
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.registered, parts[1])
		return nil, false
	case len(parts) == 2:
		return s.register(r, k, parts[1], body), false
	default:
		return nil, false
	}
}

// show answers with what was registered and the service's own.
func (s *Snapshots) show(w http.ResponseWriter, names []string) {
	s.mu.Lock()
	all := map[string]registration{automatic: {Type: "s3", Settings: map[string]any{
		"bucket": "111111111111:lab", "region": s.Region, "role_arn": "arn:aws:iam::111111111111:role/cp-sls-es-ops", "server_side_encryption": "true", "base_path": "lab",
	}}}
	maps.Copy(all, s.registered)
	s.mu.Unlock()
	if len(names) == 1 && names[0] != "_all" {
		one, ok := all[names[0]]
		if !ok {
			answer(w, http.StatusNotFound, map[string]any{"error": map[string]any{
				"type": "repository_missing_exception", "reason": "[" + names[0] + "] missing",
			}, "status": 404})
			return
		}
		all = map[string]registration{names[0]: one}
	}
	answer(w, http.StatusOK, all)
}

// carried are the settings that mean the same to the engine's own type.
func carried() []string {
	return []string{"readonly", "compress", "chunk_size", "max_snapshot_bytes_per_sec", "max_restore_bytes_per_sec"}
}

// known are the settings of the service's S3 repositories.
func known() []string {
	return append(carried(), "bucket", "base_path", "region", "endpoint", "role_arn", "server_side_encryption")
}

// register judges a registration and rewrites it for the engine.
func (s *Snapshots) register(r *http.Request, k Key, name string, body []byte) *refusal {
	var asked registration
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return &refusal{http.StatusBadRequest, SerializationError, err.Error()}
	}
	text := map[string]string{}
	for key, value := range asked.Settings {
		if !slices.Contains(known(), key) {
			return &refusal{http.StatusBadRequest, SerializationError, fmt.Sprintf("unknown setting [%s]", key)}
		}
		text[key] = fmt.Sprint(value)
	}
	if no := s.check(asked.Type, text, k); no != nil {
		return no
	}
	engine := registration{Type: "fs", Settings: map[string]any{"location": path.Join(s.Buckets[text["bucket"]].Folder, text["base_path"])}}
	for _, key := range carried() {
		if value, ok := asked.Settings[key]; ok {
			engine.Settings[key] = value
		}
	}
	rewritten, err := json.Marshal(engine)
	if err != nil {
		return &refusal{http.StatusBadRequest, SerializationError, err.Error()}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(rewritten)), int64(len(rewritten))
	r.Header.Del("Content-Length")
	shown := registration{Type: "s3", Settings: map[string]any{}}
	for key, value := range text {
		shown.Settings[key] = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.registered == nil {
		s.registered = map[string]registration{}
	}
	s.registered[name] = shown
	return nil
}

// check holds a registration against the service's rules.
func (s *Snapshots) check(kind string, text map[string]string, k Key) *refusal {
	bucket, found := s.Buckets[text["bucket"]]
	elsewhere := text["region"] != bucket.Region && text["endpoint"] != "s3.amazonaws.com"
	switch {
	case kind != "s3":
		return refuse(AccessDenied, "Your request: '/_snapshot' payload is not allowed.")
	case text["role_arn"] == "":
		return refuse(AccessDenied, "settings.role_arn is needed for snapshot registration.")
	case !slices.Contains(s.Pass[text["role_arn"]], k.Principal):
		return refuse(AccessDenied, "User: %s is not authorized to perform: iam:PassRole on resource: %s", k.Principal, text["role_arn"])
	case text["region"] == "us-east-1":
		return &refusal{http.StatusBadRequest, SerializationError, "us-east-1 is no region of a repository; use \"endpoint\": \"s3.amazonaws.com\""}
	case !found:
		return &refusal{http.StatusBadRequest, SerializationError, "The specified bucket does not exist"}
	case elsewhere:
		return &refusal{http.StatusBadRequest, SerializationError, "The bucket is in this region: " + bucket.Region + ". Please use this region to retry the request"}
	default:
		return nil
	}
}
