package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Repository is a snapshot repository as an engine keeps it.
type Repository struct {
	Type string `json:"type"`
	// Settings as texts, nested ones under names with dots. Plugins hide their
	// secrets, most of them.
	Settings RepositorySettings `json:"settings"`
}

// RepositorySettings are a repository's settings as texts.
type RepositorySettings map[string]string

// UnmarshalJSON reads settings, which engines nest where a name has dots.
func (s *RepositorySettings) UnmarshalJSON(b []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	var nested map[string]any
	if err := decoder.Decode(&nested); err != nil {
		return err
	}
	*s = RepositorySettings{}
	s.flatten("", nested)
	return nil
}

func (s RepositorySettings) flatten(prefix string, nested map[string]any) {
	for key, value := range nested {
		if inner, ok := value.(map[string]any); ok {
			s.flatten(prefix+key+".", inner)
			continue
		}
		s[prefix+key] = fmt.Sprint(value)
	}
}

// Repository reads a registration; found is false where there is none.
func (c *Cluster) Repository(ctx context.Context, name string) (r Repository, found bool, err error) {
	var answer map[string]Repository
	err = c.call(ctx, request{op: "read the repository " + name, method: http.MethodGet, path: path("_snapshot", name)}, &answer)
	if NotFound(err) {
		return Repository{}, false, nil
	}
	if err != nil {
		return Repository{}, false, err
	}
	r, found = answer[name]
	return r, found, nil
}

// Repositories reads all registrations, by name.
func (c *Cluster) Repositories(ctx context.Context) (all map[string]Repository, err error) {
	err = c.call(ctx, request{op: "list the repositories", method: http.MethodGet, path: "/_snapshot/_all"}, &all)
	return all, err
}

// PutRepository registers a repository, verified by the engine where it may
// write. The settings may hold secrets and appear in no error.
func (c *Cluster) PutRepository(ctx context.Context, name, kind string, settings map[string]any) error {
	err := c.call(ctx, request{
		op: fmt.Sprintf("register the repository %s of type %s", name, kind), method: http.MethodPut, path: path("_snapshot", name),
		body: body(map[string]any{"type": kind, "settings": settings}),
	}, nil)
	err = hinted(err, func(e *Error) string { return repositoryHint(e, kind) })
	if e, ok := err.(*Error); ok { //nolint:errorlint // the verb's own error is meant, not one below
		for key, value := range settings {
			if text := fmt.Sprint(value); SecretSetting(key) && text != "" {
				e.Reason = strings.ReplaceAll(e.Reason, text, "***")
			}
		}
	}
	return err
}

// DeleteRepository forgets a registration; what lies in the repository stays.
// One that is not there is no error.
func (c *Cluster) DeleteRepository(ctx context.Context, name string) error {
	err := c.call(ctx, request{op: "forget the repository " + name, method: http.MethodDelete, path: path("_snapshot", name)}, nil)
	if NotFound(err) {
		return nil
	}
	return err
}

// VerifyRepository lets every node read the repository, and write to it where
// it may, and gives the nodes' names. An error names the nodes that cannot.
func (c *Cluster) VerifyRepository(ctx context.Context, name string) (nodes []string, err error) {
	var answer struct {
		Nodes map[string]struct{ Name string }
	}
	err = c.call(ctx, request{op: "verify the repository " + name, method: http.MethodPost, path: path("_snapshot", name, "_verify")}, &answer)
	if err != nil {
		return nil, err
	}
	if len(answer.Nodes) == 0 {
		return nil, partial("verify the repository "+name, "", c.address, "no node answered")
	}
	for id, node := range answer.Nodes {
		if node.Name == "" {
			node.Name = id
		}
		nodes = append(nodes, node.Name)
	}
	slices.Sort(nodes)
	return nodes, nil
}

// SnapshotNames lists what a repository holds, from its root alone where the
// engine can (5.5 and newer).
func (c *Cluster) SnapshotNames(ctx context.Context, repository string) ([]string, error) {
	var answer struct {
		Snapshots []struct{ Snapshot string }
		Responses []struct {
			Snapshots []struct{ Snapshot string }
			Error     json.RawMessage
		}
	}
	r := request{op: "list the snapshots of repository " + repository, method: http.MethodGet, path: path("_snapshot", repository, "_all")}
	if c.identity.AtLeast(5, 5) {
		r.params = params("verbose", "false")
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range answer.Snapshots {
		names = append(names, s.Snapshot)
	}
	for _, response := range answer.Responses {
		if len(response.Error) > 0 {
			return nil, partial(r.op, "", c.address, "%s", oneLine(response.Error))
		}
		for _, s := range response.Snapshots {
			names = append(names, s.Snapshot)
		}
	}
	return names, nil
}

// repositoryHint gives the next step where an engine cannot use a repository;
// kind may be empty.
func repositoryHint(e *Error, kind string) string {
	says := func(words ...string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.Reason, w) })
	}
	switch {
	case kind != "" && says("repository type", "does not exist"):
		return fmt.Sprintf("install the plugin repository-%s on each node and restart them", kind)
	case says("path.repo"):
		return "add the location to path.repo in each node's configuration and restart them"
	case says("is insecure"), says("allow_insecure_settings"):
		return "put the keys into each node's keystore (s3.client.default.access_key and secret_key), reload it (POST _nodes/reload_secure_settings), and take them out of the settings"
	case says("Your request", "is not allowed"):
		return "the service keeps this repository, or this call, to itself: name another repository, over a bucket of your own"
	case says("role_arn is needed"):
		return "name the role that the service reaches the bucket with as role_arn in the repository's settings"
	case says("use this region to retry"):
		return "correct region in the repository's settings, or give endpoint: s3.amazonaws.com in its place"
	case says("NoSuchBucket"), says("specified bucket does not exist"):
		return "correct bucket in the repository's settings, or make the bucket"
	case says("InvalidAccessKeyId"), says("SignatureDoesNotMatch"), says("signature we calculated does not match"), says("Access Key Id you provided"):
		return "correct the keys that the engine reaches the bucket with (in its keystore or the repository's settings)"
	case says("Access Denied"), says("AccessDenied"):
		return "allow the engine's keys or role to list, read and write the bucket"
	case says("do not match its expected state"), says("concurrent modification of the index-N file"), says("has been disabled to prevent data corruption"):
		return "another cluster writes to this repository: register it readonly there, or use another bucket or base_path here"
	case e.Type == "repository_verification_exception":
		return "check bucket, credentials and permissions of the repository: every node must read and write it"
	default:
		return ""
	}
}

// SecretSetting reports whether a repository's setting of this name may hold a
// secret. The names are the plugins' authors' choice: it rather takes one too
// many.
func SecretSetting(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"key", "secret", "token", "passw", "credential", "sas", "signature"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}
