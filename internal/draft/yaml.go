package draft

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// most is how many indices are listed by name; a cluster may have thousands.
const most = 20

// YAML gives the text of ferry.yaml.
func (d Draft) YAML() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Made by esferry init. It holds no secrets: ${env:NAME} is read from the environment,")
	line("# ${file:/path} from a file, ${credential:NAME} from systemd's credentials.")
	line("")
	line("# The key of this ferry's state. Another pair of clusters is another name.")
	line("name: %s", d.Name)
	line("")
	d.Source.write(line, "source", "It is read, and blocked for writes at the cutover.")
	d.Target.write(line, "target", "")
	d.writeIndices(line)
	d.writeSnapshot(line)
	line("# What the target rejects stops the run; dead_letter keeps it aside and goes on.")
	line("stream:")
	line("  on_reject: stop")
	line("")
	line("# Of an index in one run. More than that stops and asks: a role that sees less")
	line("# looks like deletes.")
	line("max_delete: 20%%")
	line("")
	line("# Only esferry cutover and esferry run --cutover look at this.")
	line("cutover:")
	line("  freeze: block      # esferry blocks the source's indices; external: you stop the writers")
	line("  max_freeze: 10m    # over it the block is lifted, and the source goes on serving")
	line("  # aliases: {search: users}    # an alias that the target gets at the switch, beside those of the source")
	line("  # hooks: {frozen: [./stop-writers.sh], switched: [./move-clients.sh]}")
	return b.String()
}

func (s Side) write(line func(string, ...any), key, remark string) {
	if s.Engine != "" {
		line("# %s.", plain(s.Engine))
	}
	if remark != "" {
		line("# %s", remark)
	}
	line("%s:", key)
	line("  url: %q", s.URL)
	if s.Login.Method != "" {
		line("  auth: %s", s.Login.yaml())
	}
	if s.CAFile != "" {
		line("  tls: {ca_file: %q}", s.CAFile)
	}
	line("")
}

func (d Draft) writeIndices(line func(string, ...any)) {
	if len(d.Found) > 0 {
		line("# %d indices, %s:", len(d.Found), size(d.Bytes()))
		bySize := slices.SortedStableFunc(slices.Values(d.Found), func(a, b Index) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
		for _, i := range bySize[:min(most, len(bySize))] {
			line("#   %s: %d documents, %s", plain(i.Name), i.Docs, size(i.Bytes))
		}
		if more := len(bySize) - most; more > 0 {
			line("#   and %d more, each smaller", more)
		}
	}
	line("indices:")
	line("  include: %s", quoted(d.Include))
	if len(d.Excluded) > 0 {
		line("  exclude:")
		for _, e := range d.Excluded {
			line("    - %q    # %s", e.Name, plain(e.Reason))
		}
	}
	line("  # rename: {users: users-v2}    # another name on the target")
	line("")
}

func (d Draft) writeSnapshot(line func(string, ...any)) {
	if len(d.Found) == 0 {
		return
	}
	line("# By which way? %s.", plain(d.Suggestion()))
	if d.restorable() == 0 {
		line("")
		return
	}
	repository := Repository{Name: "ferry", Type: "s3", Settings: map[string]string{"bucket": "BUCKET", "region": "REGION"}}
	if d.Repository != nil {
		repository = *d.Repository
	}
	var settings []string
	for _, key := range slices.Sorted(maps.Keys(repository.Settings)) {
		settings = append(settings, fmt.Sprintf("%s: %q", plain(key), plain(repository.Settings[key])))
	}
	line("# snapshot:")
	line("#   repository: ferry")
	line("#   source: {type: %s, settings: {%s}}", plain(repository.Type), strings.Join(settings, ", "))
	line("#   # Where the target reaches another bucket: how it does, and how esferry copies.")
	line("#   # target: {type: oss, settings: {bucket: BUCKET, endpoint: ENDPOINT}}")
	line("#   # copy: {from: {bucket: BUCKET, region: REGION}, to: {bucket: BUCKET, endpoint: https://ENDPOINT}}")
	line("")
}

// quoted gives a list, all indices where there is none.
func quoted(patterns []string) string {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	q := make([]string, len(patterns))
	for i, p := range patterns {
		q[i] = strconv.Quote(p)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// plain keeps foreign text on the line of its comment.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

func size(bytes int64) string {
	const step = 1024
	n, unit := float64(bytes), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n < step {
			break
		}
		n, unit = n/step, u
	}
	return strconv.FormatFloat(n, 'f', map[bool]int{true: 0, false: 1}[unit == "B"], 64) + " " + unit
}
