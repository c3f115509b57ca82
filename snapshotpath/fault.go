package snapshotpath

import (
	"fmt"
	"strings"

	"esferry/internal/cluster"
)

// SettingError says which setting of a repository is wrong, before any engine
// is asked. It holds no value.
type SettingError struct {
	// Repository is the name; Key the setting, empty for the repository as such.
	Repository, Key string
	// Problem is what is wrong with it, Remedy the next step.
	Problem, Remedy string
}

// Error names repository and setting.
func (e *SettingError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("repository %s: %s", e.Repository, e.Problem)
	}
	return fmt.Sprintf("repository %s: setting %s %s", e.Repository, e.Key, e.Problem)
}

// NextStep is printed on a line of its own.
func (e *SettingError) NextStep() string { return e.Remedy }

// required are the settings without which a type cannot be; one of each inner
// list must be there. Types that are not here are passed through.
func required(kind string) [][]string {
	switch kind {
	case "s3", "gcs":
		return [][]string{{"bucket"}}
	case "oss":
		return [][]string{{"bucket"}, {"endpoint"}, {"access_key_id", "ecs_ram_role"}, {"secret_access_key", "ecs_ram_role"}}
	case "fs":
		return [][]string{{"location"}}
	case "url":
		return [][]string{{"url"}}
	case "hdfs":
		return [][]string{{"uri"}, {"path"}}
	default:
		return nil
	}
}

// mistaken are settings that a type ignores without a word, and what is meant.
func mistaken(kind string) map[string]string {
	switch kind {
	case "s3":
		return map[string]string{
			"access_key_id": "access_key", "secret_access_key": "secret_key", "prefix": "base_path", "path": "base_path", "location": "bucket",
			"path_style": "path_style_access", "sse": "server_side_encryption",
		}
	case "oss":
		return map[string]string{"access_key": "access_key_id", "secret_key": "secret_access_key", "access_key_secret": "secret_access_key", "prefix": "base_path", "path": "base_path"}
	case "fs":
		return map[string]string{"path": "location", "bucket": "location", "base_path": "location"}
	default:
		return nil
	}
}

// Check finds what can be known to be wrong with the settings without asking
// the engine; nil where nothing is.
func (r Repository) Check(engine cluster.Identity) *SettingError {
	for _, ask := range []func(cluster.Identity) *SettingError{r.checkKeeper, r.checkSettings, r.checkPlace, r.checkRole, r.checkUse} {
		if fault := ask(engine); fault != nil {
			return fault
		}
	}
	return nil
}

func (r Repository) fault(key, problem, remedy string) *SettingError {
	return &SettingError{Repository: r.Name, Key: key, Problem: problem, Remedy: remedy}
}

func (r Repository) checkKeeper(cluster.Identity) *SettingError {
	switch {
	case r.Keeper == Serverless:
		return r.fault("", "Amazon's serverless service has no snapshots", `carry every index by stream (indices.paths: {"*": stream})`)
	case r.Keeper == Amazon && r.Type != "s3":
		return r.fault("", "Amazon's service takes repositories of type s3 alone", "set type: s3, with bucket, region and role_arn")
	default:
		return nil
	}
}

func (r Repository) checkSettings(cluster.Identity) *SettingError {
	for _, anyOf := range required(r.Type) {
		found := false
		for _, key := range anyOf {
			found = found || r.text(key) != ""
		}
		if !found {
			return r.fault(anyOf[0], "is missing; type "+r.Type+" needs it", "add it to the repository's settings")
		}
	}
	for wrong, right := range mistaken(r.Type) {
		if _, there := r.Settings[wrong]; there {
			return r.fault(wrong, "means nothing to type "+r.Type, "write "+right+" in its place")
		}
	}
	return nil
}

// checkPlace finds addresses where bare names belong.
func (r Repository) checkPlace(cluster.Identity) *SettingError {
	if bucket := r.text("bucket"); strings.ContainsAny(bucket, "/: ") {
		return r.fault("bucket", "wants a bucket's bare name", "put what follows a slash under base_path, and a host under endpoint")
	}
	if r.text("bucket") != "" && strings.HasPrefix(r.text("base_path"), "/") {
		return r.fault("base_path", "begins with a slash, which makes a folder without a name", "take the slash off")
	}
	return nil
}

// checkRole finds roles where they mean nothing, and none where they must be.
func (r Repository) checkRole(engine cluster.Identity) *SettingError {
	role := r.text("role_arn")
	switch {
	case r.Keeper == Amazon && role == "":
		return r.fault("role_arn", "is missing; Amazon's service reaches the bucket by a role", "add the ARN of a role that the service may assume and that may read and write the bucket")
	case r.Keeper == Amazon && !r.Signed:
		return r.fault("role_arn", "is taken by Amazon's service only from signed requests", "give auth.sigv4 in place of other credentials")
	case r.Keeper == Amazon && !strings.HasPrefix(role, "arn:"):
		return r.fault("role_arn", "is no ARN", "give it as arn:aws:iam::ACCOUNT:role/NAME")
	case r.Keeper != Amazon && r.Type == "s3" && role != "":
		return r.fault("role_arn", "means nothing to "+engine.String()+", which is not Amazon's service",
			"take it out, and give the nodes keys in their keystore (s3.client.default.access_key and secret_key) or a role of their own")
	case r.Keeper == Amazon && (r.text("access_key") != "" || r.text("secret_key") != ""):
		return r.fault("access_key", "is not taken by Amazon's service", "take the keys out and give role_arn")
	default:
		return nil
	}
}

// checkUse finds repositories that hold too little, or may not be written.
func (r Repository) checkUse(cluster.Identity) *SettingError {
	if r.ReadOnly {
		return nil
	}
	if key := shallowIn(r.text); key != "" {
		return r.fault(key, shallow, shallowRemedy)
	}
	switch {
	case r.Type == "source":
		return r.fault("", "type source keeps no search structures, only documents", "use a repository of another type, such as fs or s3")
	case r.Type == "url":
		return r.fault("", "type url can only be read", "use the type that the files are written by, such as fs or s3")
	case truth(r.text("readonly")):
		return r.fault("readonly", "is true, and the source must write its snapshot there", "take it out on the source's side")
	default:
		return nil
	}
}

const (
	shallow       = "is true: its snapshots hold references to segments, not the segments, and a copy of them would restore nothing"
	shallowRemedy = "use a repository without it"
)

// shallowIn gives the setting of OpenSearch with remote storage that leaves
// segments out of snapshots (2.10 on, and its second form, 2.17 on); empty
// where none is true.
func shallowIn(setting func(key string) string) string {
	for _, key := range []string{"remote_store_index_shallow_copy", "shallow_snapshot_v2"} {
		if truth(setting(key)) {
			return key
		}
	}
	return ""
}

func truth(text string) bool { return text == "true" }

// text gives a setting as engines show it.
func (r Repository) text(key string) string {
	value, ok := r.Settings[key]
	if !ok || value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
