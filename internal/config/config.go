package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Config is one ferry.yaml with its defaults in place and its references
// replaced. It marshals to JSON under the file's own keys, without secrets.
type Config struct {
	// Name is the key of this ferry's state.
	Name string `json:"name"`
	// Source is the cluster to carry from, Target the one to carry to.
	Source Endpoint `json:"source"`
	Target Endpoint `json:"target"`
	// Indices says which indices, by which path and under which name.
	Indices Indices `json:"indices"`
	// Snapshot is nil where everything goes by the stream path.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// Stream bounds the stream path.
	Stream Stream `json:"stream"`
	// Reconcile says what of a document is compared where an index has to be
	// compared as a whole.
	Reconcile Reconcile `json:"reconcile"`
	// Deletes says whether deletes are carried.
	Deletes Deletes `json:"deletes"`
	// MaxDelete is the share of an index that one run may delete unasked.
	MaxDelete Percent `json:"max_delete"`
	// Cutover says how writers are held back and what is switched.
	Cutover Cutover `json:"cutover"`
	// Checkpoint is where the state is kept.
	Checkpoint Checkpoint `json:"checkpoint"`
	// Serve says where the live page is shown.
	Serve Serve `json:"serve"`

	secrets []Secret
}

// Reconcile is what of a document is compared.
type Reconcile string

// What may be compared. Versions are less to read, and do not tell a document
// that was deleted and made anew with the version it had.
const (
	ReconcileContent  Reconcile = "content"
	ReconcileVersions Reconcile = "versions"
)

// Deletes is how deletes on the source are treated.
type Deletes string

// The ways to treat deletes.
const (
	DeletesExact  Deletes = "exact"
	DeletesIgnore Deletes = "ignore"
)

func (c *Config) fields() []field {
	return []field{
		{name: "name", into: text(&c.Name, ferryName), required: true},
		{name: "source", into: within(&c.Source), required: true},
		{name: "target", into: within(&c.Target), required: true},
		{name: "indices", into: within(&c.Indices)},
		{name: "snapshot", into: optional(&c.Snapshot)},
		{name: "stream", into: within(&c.Stream)},
		{name: "reconcile", into: choice(&c.Reconcile, ReconcileContent, ReconcileVersions)},
		{name: "deletes", into: choice(&c.Deletes, DeletesExact, DeletesIgnore)},
		{name: "max_delete", into: unit(&c.MaxDelete)},
		{name: "cutover", into: within(&c.Cutover)},
		{name: "checkpoint", into: within(&c.Checkpoint)},
		{name: "serve", into: within(&c.Serve)},
	}
}

// Load reads the file at path, with the process's environment. Each error in
// what it returns is an *Error; see Faults.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		fault := &Error{File: path, Message: "the file cannot be read"}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fault.Message = "the file does not exist"
			fault.Hint = "esferry init writes one, or name another with -c"
		case errors.Is(err, fs.ErrPermission):
			fault.Message = "the file may not be read"
		}
		return nil, fault
	}
	return Parse(path, data, System(filepath.Dir(path)))
}

// Parse reads data, the content of a file called name; references are looked up
// in env. It never returns both a Config and an error. Each error in what it
// returns is an *Error; several are joined in the order of the file.
func Parse(name string, data []byte, env Environment) (*Config, error) {
	root, fault := parse(name, withoutMark(data))
	if fault != nil {
		return nil, fault
	}
	var c Config
	d := &decoder{file: name, env: env, at: map[string]position{}}
	d.section(value{at: position{line: 1, column: 1}, node: root}, &c)
	if len(d.faults) > 0 {
		return nil, join(d.faults)
	}
	applyDefaults(&c, d.has, env.path)
	c.check(d.complain)
	if len(d.faults) > 0 {
		return nil, join(d.faults)
	}
	c.secrets = d.secrets
	return &c, nil
}

// Secrets reveals all that is secret in what was parsed, to be taken out of what
// others say.
func (c *Config) Secrets() []string {
	texts := make([]string, len(c.secrets))
	for i, s := range c.secrets {
		texts[i] = s.Reveal()
	}
	return texts
}

// withoutMark drops the byte order mark that some editors begin a file with.
func withoutMark(data []byte) []byte {
	const mark = "\ufeff"
	if len(data) >= len(mark) && string(data[:len(mark)]) == mark {
		return data[len(mark):]
	}
	return data
}

// Redacted gives the whole configuration as indented JSON without secrets. It
// is itself a valid ferry.yaml, but for the secrets.
func (c *Config) Redacted() ([]byte, error) { return json.MarshalIndent(c, "", "  ") }
