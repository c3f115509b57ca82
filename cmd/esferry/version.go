package main

import (
	"runtime"
	"runtime/debug"
)

// build is what this binary was made from. The compiler writes it down: a build
// from a tag has the tag as its version, one from any other commit a version
// made of the last tag, the commit's time and its hash.
type build struct {
	Type    string `json:"type"`
	Version string `json:"version"`
	// Commit and Time are empty where it was not built from a repository.
	Commit string `json:"commit,omitempty"`
	Time   string `json:"time,omitempty"`
	// Modified: files differed from the commit.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// JSON is the version of what is printed as JSON.
	JSON int `json:"json_schema"`
}

// jsonSchema is the version of every document and line that is printed as JSON:
// docs/json.md. Fields are only ever added to one; a field that goes, or means
// something else, raises it.
const jsonSchema = 1

func thisBuild() build {
	b := build{Type: "version", Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, JSON: jsonSchema}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (iv *invocation) showVersion() error {
	b := thisBuild()
	if iv.json {
		return iv.print(b)
	}
	return iv.write("esferry %s %s %s\n", b.Version, b.Platform, b.Go)
}
