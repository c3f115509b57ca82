package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// complain reports a fault by its key alone; the place is that of the key or,
// where it is absent, of the nearest section around it.
type complain func(key, message, hint string)

func (d *decoder) complain(key, message, hint string) {
	at, section := position{line: 1, column: 1}, key
	for section != "" {
		if found, ok := d.at[section]; ok {
			at = found
			break
		}
		section = section[:max(0, strings.LastIndexAny(section, ".["))]
	}
	d.fault(key, at, complaint{message, hint})
}

// check finds what concerns several keys at once, and bounds.
func (c *Config) check(report complain) {
	c.Source.check("source", report)
	c.Target.check("target", report)
	c.Indices.check(report)
	if c.Snapshot != nil {
		c.Snapshot.check(report)
	}
	c.Stream.check(report)
	if c.Cutover.MaxFreeze == 0 {
		report("cutover.max_freeze", "wants a duration above 0", "a freeze without end is never lifted by itself")
	}
	c.Checkpoint.check(report)
}

func (e *Endpoint) check(key string, report complain) {
	if n := e.Auth.methods(); n > 1 {
		report(key+".auth", "holds "+strconv.Itoa(n)+" of "+authMethods, "keep one of them")
	}
	if s := e.Auth.SigV4; s != nil {
		s.Keys.check(key+".auth.sigv4", report)
	}
	e.TLS.check(key+".tls", report)
}

func (k *Keys) check(key string, report complain) {
	id, secret, session := !k.AccessKeyID.IsZero(), !k.SecretAccessKey.IsZero(), !k.SessionToken.IsZero()
	switch {
	case id && !secret:
		report(key+".secret_access_key", "is required beside access_key_id", "")
	case secret && !id:
		report(key+".access_key_id", "is required beside secret_access_key", "")
	case session && !id:
		report(key+".session_token", "is of no use without access_key_id and secret_access_key", "")
	}
}

func (t *TLS) check(key string, report complain) {
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		report(key+".key_file", "is required beside cert_file", "")
	case t.KeyFile != "" && t.CertFile == "":
		report(key+".cert_file", "is required beside key_file", "")
	}
}

func (x *Indices) check(report complain) {
	taken := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(x.Rename)) {
		key := below("indices.rename", name)
		target := x.Rename[name]
		switch {
		case !x.Match(name):
			report(key, "is not among the included indices", "add it to indices.include, or take the line out")
		case taken[target]:
			report(key, "takes the same name on the target as another index", "")
		case target != name && x.Rename[target] == "" && x.Match(target) && x.exact(target):
			report(key, "takes the name of another included index", "")
		}
		taken[target] = true
	}
}

// exact reports whether a name is included as it is, not by a pattern: then it
// is meant to exist.
func (x *Indices) exact(name string) bool { return slices.Contains(x.Include, name) }

func (s *Snapshot) check(report complain) {
	if s.Copy == nil {
		return
	}
	if s.Target.Type == "" {
		report("snapshot.target", "is required beside copy", "say how the target cluster reaches the bucket under copy.to")
	}
	s.Copy.From.Keys.check("snapshot.copy.from", report)
	s.Copy.To.Keys.check("snapshot.copy.to", report)
	from, to := s.Copy.From, s.Copy.To
	if from.Bucket == to.Bucket && from.Endpoint == to.Endpoint && from.Region == to.Region && from.Prefix == to.Prefix {
		report("snapshot.copy.to", "is the same place as copy.from", "leave copy out where both clusters reach the same bucket")
	}
}

func (s *Stream) check(report complain) {
	// The engines' default bound on one page (index.max_result_window).
	const mostDocs = 10000
	if s.Page.Docs > mostDocs {
		report("stream.page.docs", "is over 10000, the most that engines give in one page", "")
	}
	for key, size := range map[string]ByteSize{"stream.page.bytes": s.Page.Bytes, "stream.bulk.bytes": s.Bulk.Bytes} {
		switch {
		case size == 0:
			report(key, "wants a size above 0", "4MiB suits most clusters")
		case size > s.Memory:
			report(key, "is more than stream.memory", "raise stream.memory, best to ten times as much")
		}
	}
}

func (c *Checkpoint) check(report complain) {
	if c.Store == StoreEtcd {
		c.checkEtcd(report)
		return
	}
	for key, given := range map[string]bool{
		"checkpoint.endpoints": len(c.Endpoints) > 0,
		"checkpoint.prefix":    c.Prefix != "",
		"checkpoint.username":  c.Username != "",
		"checkpoint.password":  !c.Password.IsZero(),
		"checkpoint.tls":       c.TLS != TLS{},
	} {
		if given {
			report(key, "belongs to the etcd store", "take it out, or set store: etcd")
		}
	}
}

func (c *Checkpoint) checkEtcd(report complain) {
	encrypted := 0
	for _, u := range c.Endpoints {
		if strings.HasPrefix(u, "https:") {
			encrypted++
		}
	}
	switch {
	case len(c.Endpoints) == 0:
		report("checkpoint.endpoints", "is required by the etcd store", "")
	case encrypted > 0 && encrypted < len(c.Endpoints):
		report("checkpoint.endpoints", "holds https and http, and a client speaks one of them", "give all members' https URLs")
	case encrypted == 0 && c.TLS != (TLS{}):
		report("checkpoint.tls", "is of no use without https", "begin checkpoint.endpoints with https://")
	}
	if c.Path != "" {
		report("checkpoint.path", "belongs to the embedded store", "take it out, or set store: embedded")
	}
	if (c.Username == "") != c.Password.IsZero() {
		report("checkpoint.username", "wants a password beside it, and the other way round", "")
	}
	c.TLS.check("checkpoint.tls", report)
}
