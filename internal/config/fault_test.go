package config_test

import (
	"strings"
	"testing"

	"esferry/internal/config"
	"esferry/internal/lab/faultcase"
)

// fault is a file and the lines that its error must be, without the file's name.
type fault struct{ text, want string }

// with puts lines after a complete file of three lines.
func with(lines string) string { return minimal + lines }

// faults gives the golden messages, one topic a function.
func faults() []fault {
	var all []fault
	for _, some := range [][]fault{yamlFaults(), typeFaults(), endpointFaults(), indexFaults(), snapshotFaults(), restFaults()} {
		all = append(all, some...)
	}
	return all
}

func yamlFaults() []fault {
	return []fault{
		{"", "1:1: name: is required\n1:1: source: is required\n1:1: target: is required"},
		{"# nothing\n", "1:1: name: is required\n1:1: source: is required\n1:1: target: is required"},
		{"hunter2", "1:1: wants a mapping, found a text"},
		{"- hunter2", "1:1: wants a mapping, found a list"},
		{"name: a\n\tsource: b\n", "2:1: the indentation holds a tab"},
		{"name: a\nsource:\n  \turl: b\n", "3:3: the indentation holds a tab"},
		{"name: \xff\n", "1:1: the line is not UTF-8 text"},
		{"name: a\nsource: [", "2:9: is not YAML: sequence end token ']' not found"},
		{"name: \"hunter2", "1:7: is not YAML: could not find end character of double-quoted text"},
		{"name: a: hunter2", "1:7: is not YAML: mapping value is not allowed in this context"},
		{"name: @hunter2", "1:7: a value begins with a character that YAML keeps for itself"},
		{"name: %hunter2", "1:7: a value begins with a character that YAML keeps for itself"},
		{"name: \"hun\\ter\\qw2\"", "1:16: a text in double quotes holds a \\ that begins no escape"},
		{strings.Repeat("[", 100), "1:1: brackets are nested too deeply, or not closed"},
		{strings.Repeat("#\n", 1<<20), "1:1: the file is larger than 1 MiB"},
		{with("---\nname: b\n"), "5:1: a second YAML document begins here"},
		{with("name: hunter2\n"), "4:1: name: the key is there a second time"},
		{with("stream: {memory: 1GiB, memory: 2GiB}\n"), "4:24: stream.memory: the key is there a second time"},
		{with("cutover: {aliases: {a: b, a: c}}\n"), "4:27: cutover.aliases.a: the key is there a second time"},
		{with("deletes: &x hunter2\n"), "4:10: deletes: an anchor, an alias or a tag is not supported"},
		{with("deletes: !!str hunter2\n"), "4:10: deletes: an anchor, an alias or a tag is not supported"},
		{with("<<: {deletes: hunter2}\n"), "4:1: holds a key that is no plain text"},
		{with("stream: {hunter2}\n"), "4:10: stream: holds a text where a key and its value belong"},
		{with("target2: x\n"), "4:1: target2: unknown key (did you mean target?)"},
		{with("\"hunter 2!\": x\n"), "4:1: unknown key"},
	}
}

func typeFaults() []fault {
	return []fault{
		{with("stream:\n  memroy: 256MiB\n"), "5:3: stream.memroy: unknown key (did you mean memory?)"},
		{with("stream: {hunter: 2}\n"), "4:10: stream.hunter: unknown key"},
		{with("stream: hunter2\n"), "4:9: stream: wants a mapping, found a text"},
		{with("stream:\n- hunter2\n"), "5:1: stream: wants a mapping, found a list"},
		{with("stream: {memory: [hunter2]}\n"), "4:18: stream.memory: wants a text, found a list"},
		{with("stream: {memory: {hunter: 2}}\n"), "4:18: stream.memory: wants a text, found a mapping"},
		{with("stream:\n  memory:\n    hunter: 2\n"), "6:5: stream.memory: wants a text, found a mapping"},
		{with("stream: {memory: hunter2}\n"), "4:18: stream.memory: wants a size such as 8MiB"},
		{with("stream: {memory: }\n"), "4:10: stream.memory: has no value"},
		{with("stream: {readers: 0}\n"), "4:19: stream.readers: wants auto or a number from 1"},
		{with("stream: {readers: hunter2}\n"), "4:19: stream.readers: wants auto or a number from 1"},
		{with("stream: {on_reject: hunter2}\n"), "4:21: stream.on_reject: wants one of stop, dead_letter"},
		{with("stream: {rate: {docs_per_second: hunter2}}\n"), "4:34: stream.rate.docs_per_second: wants a whole number from 0"},
		{with("stream: {rate: {docs_per_second: \"1\"}}\n"), "4:34: stream.rate.docs_per_second: wants a whole number from 0"},
		{with("stream: {rate: {docs_per_second: -1}}\n"), "4:34: stream.rate.docs_per_second: wants a whole number from 0"},
		{with("stream: {rate: {docs_per_second: 010}}\n"), "4:34: stream.rate.docs_per_second: wants a whole number from 0"},
		{with("stream: {page: {docs: 10001}}\n"), "4:17: stream.page.docs: is over 10000, the most that engines give in one page"},
		{with("stream: {page: {bytes: 0}}\n"), "4:17: stream.page.bytes: wants a size above 0"},
		{with("stream: {memory: 1MiB, bulk: {bytes: 512KiB}}\n"), "4:1: stream.page.bytes: is more than stream.memory"},
		{with("deletes: hunter2\n"), "4:10: deletes: wants one of exact, ignore"},
		{with("max_delete: 20\n"), "4:13: max_delete: wants a percentage such as 20%"},
		{with("cutover: {freeze: hunter2}\n"), "4:19: cutover.freeze: wants one of block, external, none"},
		{with("cutover: {max_freeze: hunter2}\n"), "4:23: cutover.max_freeze: wants a duration such as 10m"},
		{with("cutover: {max_freeze: 0s}\n"), "4:11: cutover.max_freeze: wants a duration above 0"},
		{with("cutover: {hooks: {frozen: hunter2}}\n"), "4:27: cutover.hooks.frozen: wants a list, found a text"},
		{with("cutover: {aliases: [hunter2]}\n"), "4:20: cutover.aliases: wants a mapping, found a list"},
		{with("cutover: {aliases: {a: Hunter2}}\n"), "4:24: cutover.aliases.a: is no index name: they are in lower case"},
	}
}

func endpointFaults() []fault {
	source := func(s string) string {
		return "name: a\nsource: {" + s + "}\ntarget: {url: https://new.example:9200}\n"
	}
	auth := func(s string) string { return source("url: https://old.example, auth: {" + s + "}") }
	return []fault{
		{source(""), "2:1: source.url: is required"},
		{source("ulr: https://hunter2"), "2:1: source.url: is required\n2:10: source.ulr: unknown key (did you mean url?)"},
		{source("url: []"), "2:10: source.url: is an empty list"},
		{source("url: [https://a, https://u:hunter2@b]"), "2:27: source.url[1]: holds a user or a password"},
		{source("url: https://u:hunter2@b"), "2:15: source.url: holds a user or a password"},
		{source("url: \"https://u:hunter2/%zz@b\""), "2:15: source.url: holds a user or a password"},
		{source("url: hunter2:9200"), "2:15: source.url: wants a URL such as https://search.example:9200"},
		{source("url: \"https://%zzhunter2\""), "2:15: source.url: wants a URL such as https://search.example:9200"},
		{source("url: https://a/?token=hunter2"), "2:15: source.url: holds a query or a fragment, which no request would carry"},
		{source("url: \"${env:HOST}\""), "2:15: source.url: environment variable HOST is not set"},
		{source("url: true"), "2:15: source.url: wants a text, found true or false"},
		{source("url: https://a, tls: {cert_file: c}"), "2:26: source.tls.key_file: is required beside cert_file"},
		{source("url: https://a, tls: {key_file: c}"), "2:26: source.tls.cert_file: is required beside key_file"},
		{source("url: https://a, tls: {insecure_skip_verify: hunter2}"), "2:54: source.tls.insecure_skip_verify: wants true or false"},
		{auth(""), "2:36: source.auth: wants one of basic, api_key, bearer, sigv4"},
		{auth("basic: "), "2:36: source.auth: wants one of basic, api_key, bearer, sigv4"},
		{auth("bearer: a, api_key: hunter2"), "2:36: source.auth: holds 2 of basic, api_key, bearer, sigv4"},
		{auth("basic: {username: u}"), "2:43: source.auth.basic.password: is required"},
		{auth("basic: {username: \"u:hunter2\", password: p}"), "2:61: source.auth.basic.username: holds a colon, which ends a user name in basic authentication"},
		{auth("basic: {username: u, password: [hunter2]}"), "2:74: source.auth.basic.password: wants a text, found a list"},
		{auth("basic: {username: u, password: {hunter2}}"), "2:74: source.auth.basic.password: wants a text, found a mapping"},
		{auth("basic: {username: u, password:hunter2}"), "2:43: source.auth.basic.password: is required\n2:64: source.auth.basic: holds a text where a key and its value belong"},
		{auth("basic: {username: u, password: }"), "2:64: source.auth.basic.password: has no value"},
		{auth("basic: {username: u, password: ''}"), "2:74: source.auth.basic.password: is empty"},
		{auth("basic: {username: u, password: \"${env:PW}\"}"), "2:74: source.auth.basic.password: environment variable PW is not set"},
		{auth("basic: {username: u, password: \"${file:/run/x}\"}"), "2:74: source.auth.basic.password: file \"/run/x\" does not exist"},
		{auth("basic: {username: u, password: \"${hunter2}\"}"), "2:74: source.auth.basic.password: holds a reference that is neither ${env:NAME} nor ${file:/path} nor ${credential:NAME}"},
		{auth("basic: {username: u, password: \"${env:hunter2\"}"), "2:74: source.auth.basic.password: holds a ${ without its }"},
		{auth("bearer: Bearer hunter2"), "2:51: source.auth.bearer: holds a blank or a line break"},
		{auth("sigv4: {service: hunter2}"), "2:43: source.auth.sigv4.region: is required\n2:60: source.auth.sigv4.service: wants one of es, aoss"},
		{auth("sigv4: {region: r, access_key_id: hunter2}"), "2:43: source.auth.sigv4.secret_access_key: is required beside access_key_id"},
		{auth("sigv4: {region: r, session_token: hunter2}"), "2:62: source.auth.sigv4.session_token: is of no use without access_key_id and secret_access_key"},
	}
}

func indexFaults() []fault {
	return []fault{
		{with("indices: {include: [a, .security]}\n"), "4:24: indices.include[1]: takes in system indices such as .security*"},
		{with("indices: {include: [.security-7]}\n"), "4:21: indices.include[0]: takes in system indices such as .security*"},
		{with("indices: {include: .sec*}\n"), "4:20: indices.include: takes in system indices such as .secrets-*"},
		{with("indices: {include: [\".*\"]}\n"), "4:21: indices.include[0]: takes in system indices such as .apm-*"},
		{with("indices: {include: [searchguard]}\n"), "4:21: indices.include[0]: takes in system indices such as searchguard"},
		{with("indices: {include: []}\n"), "4:11: indices.include: is an empty list"},
		{with("indices:\n  include:\n"), "5:3: indices.include: has no value"},
		{with("indices: {include: \"a,b\"}\n"), "4:20: indices.include: holds a comma"},
		{with("indices: {include: [_all]}\n"), "4:21: indices.include[0]: is no pattern"},
		{with("indices: {include: [-a]}\n"), "4:21: indices.include[0]: begins with a dash"},
		{with("indices: {include: [Logs]}\n"), "4:21: indices.include[0]: is no index name: they are in lower case"},
		{with("indices: {include: [\"<logs-{now/d}>\"]}\n"), "4:21: indices.include[0]: is no index name: they hold no blank and none of \" * \\ < | > / ? , #"},
		{with("indices: {include: ['']}\n"), "4:21: indices.include[0]: is no index name"},
		{with("indices: {paths: {\"logs-2026.*\": hunter2}}\n"), "4:34: indices.paths[\"logs-2026.*\"]: wants one of snapshot, stream"},
		{with("indices: {rename: {\"a*\": b}}\n"), "4:20: indices.rename[\"a*\"]: is no index name: they hold no blank and none of \" * \\ < | > / ? , #"},
		{with("indices: {rename: {\"${env:X}\": b}}\n"), "4:20: indices.rename[\"${env:X}\"]: is no index name; references are replaced in values, not in keys"},
		{with("indices: {rename: {a: c, b: c}}\n"), "4:26: indices.rename.b: takes the same name on the target as another index"},
		{with("indices: {include: [a, b], rename: {a: b}}\n"), "4:37: indices.rename.a: takes the name of another included index"},
		{with("indices: {include: [a], rename: {b: c}}\n"), "4:34: indices.rename.b: is not among the included indices"},
	}
}

func snapshotFaults() []fault {
	snapshot := func(s string) string { return with("snapshot: {" + s + "}\n") }
	fs := "source: {type: fs, settings: {}}, "
	return []fault{
		{snapshot(""), "4:1: snapshot.source: is required"},
		{snapshot("source: {type: fs}"), "4:12: snapshot.source.settings: is required"},
		{snapshot("source: {type: fs, settings: hunter2}"), "4:41: snapshot.source.settings: wants a mapping, found a text"},
		{snapshot("source: {type: fs, settings: {secret_key:hunter2}}"), "4:42: snapshot.source.settings: holds a text where a key and its value belong"},
		{snapshot("source: {type: fs, settings: {\"hunter 2\": a}}"), "4:42: snapshot.source.settings: holds a key that is no setting's name"},
		{snapshot("source: {type: fs, settings: {a: .inf}}"), "4:45: snapshot.source.settings.a: wants a number that JSON knows"},
		{snapshot("source: {type: fs, settings: {a: 18446744073709551615}}"), "4:45: snapshot.source.settings.a: the number is too large"},
		{snapshot("source: {type: fs, settings: {secret_key: \"${env:X}\"}}"), "4:54: snapshot.source.settings.secret_key: environment variable X is not set"},
		{snapshot(fs + "on_existing: hunter2"), "4:59: snapshot.on_existing: wants one of error, close, delete, rename"},
		{snapshot(fs + "repository: \"a/b\""), "4:58: snapshot.repository: is no repository name: they hold no blank and none of \" * \\ < | > / ? , #"},
		{snapshot(fs + "restore: {number_of_replicas: hunter2}"), "4:76: snapshot.restore.number_of_replicas: wants a whole number from 0"},
		{snapshot(fs + "copy: {from: {bucket: a}, to: {bucket: b}}"), "4:1: snapshot.target: is required beside copy"},
		{snapshot(fs + "target: {type: fs, settings: {}}, copy: {from: {bucket: a}, to: {bucket: a}}"), "4:106: snapshot.copy.to: is the same place as copy.from"},
		{snapshot(fs + "target: {type: fs, settings: {}}, copy: {from: {bucket: a}}"), "4:80: snapshot.copy.to: is required"},
		{snapshot(fs + "copy: {from: {bucket: \"s3://hunter2\"}, to: {bucket: b}}"), "4:68: snapshot.copy.from.bucket: wants a bucket's bare name"},
		{snapshot(fs + "target: {type: fs, settings: {}}, copy: {from: {bucket: a}, to: {bucket: b, secret_access_key: hunter2}}"), "4:106: snapshot.copy.to.access_key_id: is required beside secret_access_key"},
		{snapshot(fs + "copy: {from: {bucket: a, endpoint: \"https://k:hunter2@s3\"}, to: {bucket: b}}"), "4:81: snapshot.copy.from.endpoint: holds a user or a password"},
	}
}

func restFaults() []fault {
	return []fault{
		{strings.Replace(minimal, "name: a", "name: Hunter2", 1), "1:7: name: wants up to 100 letters a-z, digits, dots, dashes and underscores, a letter or a digit first"},
		{strings.Replace(minimal, "name: a", "name: ../hunter2", 1), "1:7: name: wants up to 100 letters a-z, digits, dots, dashes and underscores, a letter or a digit first"},
		{strings.Replace(minimal, "name: a", "name:", 1), "1:1: name: has no value"},
		{with("checkpoint: {store: hunter2}\n"), "4:21: checkpoint.store: wants one of embedded, etcd"},
		{with("checkpoint: {store: etcd}\n"), "4:1: checkpoint.endpoints: is required by the etcd store"},
		{with("checkpoint: {store: etcd, endpoints: https://e, path: hunter2}\n"), "4:49: checkpoint.path: belongs to the embedded store"},
		{with("checkpoint: {store: etcd, endpoints: https://e, password: hunter2}\n"), "4:1: checkpoint.username: wants a password beside it, and the other way round"},
		{with("checkpoint: {store: etcd, endpoints: [https://e, http://f]}\n"), "4:27: checkpoint.endpoints: holds https and http, and a client speaks one of them"},
		{with("checkpoint: {store: etcd, endpoints: http://e, tls: {ca_file: hunter2}}\n"), "4:48: checkpoint.tls: is of no use without https"},
		{with("checkpoint: {store: etcd, endpoints: http://e, prefix: hunter2}\n"), "4:56: checkpoint.prefix: wants letters, digits, dots, dashes and underscores between slashes, the first and the last included"},
		{with("checkpoint: {prefix: /hunter2/}\n"), "4:14: checkpoint.prefix: belongs to the etcd store"},
		{with("checkpoint: {endpoints: https://e}\n"), "4:14: checkpoint.endpoints: belongs to the etcd store"},
		{with("checkpoint: {path: ''}\n"), "4:20: checkpoint.path: is empty"},
		// Several at once come in the order of the file.
		{
			with("stream: {memroy: 1, readers: 0}\ndeletes: hunter2\n"),
			"4:10: stream.memroy: unknown key (did you mean memory?)\n4:30: stream.readers: wants auto or a number from 1\n5:10: deletes: wants one of exact, ignore",
		},
	}
}

func TestFaults(t *testing.T) {
	faultcase.Shows(t, 39, "unknown keys, keys twice, tabs, unset variables, passwords in URLs, system indices")
	f := func(text, want string) {
		t.Helper()
		_, err := config.Parse("ferry.yaml", []byte(text), config.Environment{})
		if err == nil {
			t.Errorf("%.80q: got no error, want %s", text, want)
			return
		}
		if got := strings.ReplaceAll(err.Error(), "ferry.yaml:", ""); got != want {
			t.Errorf("%.80q:\n got %s\nwant %s", text, got, want)
		}
		for _, e := range config.Faults(err) {
			if shown := strings.ToLower(e.Error() + e.Hint); strings.Contains(shown, "hunter2") {
				t.Errorf("%.80q: the error shows a value: %s", text, shown)
			}
		}
	}
	for _, c := range faults() {
		f(c.text, c.want)
	}
}

func TestHints(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := config.Parse("ferry.yaml", []byte(text), config.Environment{})
		all := config.Faults(err)
		if len(all) != 1 || all[0].NextStep() != want {
			t.Errorf("%q: got %v, want the hint %q", text, err, want)
		}
	}
	f(with("banana: x\n"), "known here: checkpoint, cutover, deletes, indices, max_delete, name, reconcile, serve, snapshot, source, stream, target")
	f(with("stream: {rate: {docs: 1}}\n"), "known here: bytes_per_second, docs_per_second, requests_per_second")
	f(strings.Replace(minimal, "old.", "u:p@old.", 1),
		`put them under auth.basic, a bucket's keys under access_key_id and secret_access_key, each as "${env:NAME}"`)
	f(with("indices: {include: .security}\n"),
		"name hidden indices exactly; users, roles and saved objects move by the export of their own API")
	f(with("name: b\n"), "the first is in line 1; keep one of them")
}
