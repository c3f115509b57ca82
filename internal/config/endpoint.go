package config

import (
	"net/url"
	"strings"
)

// Endpoint is one cluster: where it is and how to enter it.
type Endpoint struct {
	// URLs are tried in turn; they hold neither credentials nor a query.
	URLs []string `json:"url"`
	// Auth is zero for a cluster without security.
	Auth Auth `json:"auth,omitzero"`
	TLS  TLS  `json:"tls,omitzero"`
	// Compress sends and asks for gzip, for links slower than a core compresses.
	Compress bool `json:"compress,omitempty"`
}

func (e *Endpoint) fields() []field {
	return []field{
		{name: "url", into: addresses(&e.URLs), required: true},
		{name: "auth", into: auth(&e.Auth)},
		{name: "tls", into: within(&e.TLS)},
		{name: "compress", into: boolean(&e.Compress)},
	}
}

// authMethods are the keys under auth.
const authMethods = "basic, api_key, bearer, sigv4"

// auth reads how to log in. A method that was begun and left empty must not
// become a request without credentials.
func auth(dst *Auth) into {
	return func(d *decoder, v value) {
		before := len(d.faults)
		d.section(v, dst)
		if kindOf(v.node) == kindMapping && len(d.faults) == before && dst.methods() == 0 {
			d.fault(v.key, v.at, complaint{"wants one of " + authMethods, "leave auth out for a cluster without security"})
		}
	}
}

// Auth is how to log in: one of the four, or none where all are zero.
type Auth struct {
	Basic *Basic `json:"basic,omitempty"`
	// APIKey is the encoded form, base64 of id:key.
	APIKey Secret `json:"api_key,omitzero"`
	// Bearer is a token without the word Bearer.
	Bearer Secret `json:"bearer,omitzero"`
	SigV4  *SigV4 `json:"sigv4,omitempty"`
}

func (a *Auth) fields() []field {
	return []field{
		{name: "basic", into: optional(&a.Basic)},
		{name: "api_key", into: secret(&a.APIKey, headerValue)},
		{name: "bearer", into: secret(&a.Bearer, headerValue)},
		{name: "sigv4", into: optional(&a.SigV4)},
	}
}

// methods counts those that are given.
func (a *Auth) methods() int {
	n := 0
	for _, given := range []bool{a.Basic != nil, !a.APIKey.IsZero(), !a.Bearer.IsZero(), a.SigV4 != nil} {
		if given {
			n++
		}
	}
	return n
}

// Basic is a user with a password.
type Basic struct {
	Username string `json:"username"`
	Password Secret `json:"password"`
}

func (b *Basic) fields() []field {
	return []field{
		{name: "username", into: text(&b.Username, filled, userName), required: true},
		{name: "password", into: secret(&b.Password), required: true},
	}
}

// SigV4 signs requests for AWS. Without keys the default chain gives them.
type SigV4 struct {
	Region string `json:"region"`
	// Service is "es" or "aoss".
	Service string `json:"service"`
	// RoleARN is the role to assume with whatever credentials there are.
	RoleARN string `json:"role_arn,omitempty"`
	Keys
}

func (s *SigV4) fields() []field {
	return append([]field{
		{name: "region", into: text(&s.Region, filled), required: true},
		{name: "service", into: choice(&s.Service, "es", "aoss")},
		{name: "role_arn", into: text(&s.RoleARN, filled)},
	}, s.Keys.fields()...)
}

// Keys are static credentials of an S3-like service; zero for the default chain.
type Keys struct {
	AccessKeyID     Secret `json:"access_key_id,omitzero"`
	SecretAccessKey Secret `json:"secret_access_key,omitzero"`
	// SessionToken belongs to keys that were lent for a time.
	SessionToken Secret `json:"session_token,omitzero"`
}

func (k *Keys) fields() []field {
	return []field{
		{name: "access_key_id", into: secret(&k.AccessKeyID)},
		{name: "secret_access_key", into: secret(&k.SecretAccessKey)},
		{name: "session_token", into: secret(&k.SessionToken)},
	}
}

// TLS says whom to trust and with which certificate to show up. The files are
// not opened here.
type TLS struct {
	// CAFile holds certificates to trust besides the system's.
	CAFile string `json:"ca_file,omitempty"`
	// CertFile and KeyFile are the client's own; both or neither.
	CertFile string `json:"cert_file,omitempty"`
	KeyFile  string `json:"key_file,omitempty"`
	// InsecureSkipVerify trusts any certificate.
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`
}

func (t *TLS) fields() []field {
	return []field{
		{name: "ca_file", into: file(&t.CAFile)},
		{name: "cert_file", into: file(&t.CertFile)},
		{name: "key_file", into: file(&t.KeyFile)},
		{name: "insecure_skip_verify", into: boolean(&t.InsecureSkipVerify)},
	}
}

// file reads a path, meant from the configuration file's folder.
func file(dst *string) into {
	return func(d *decoder, v value) {
		text(dst, filled)(d, v)
		*dst = d.env.path(*dst)
	}
}

func filled(s string) *complaint {
	if s == "" {
		return &complaint{message: "is empty"}
	}
	return nil
}

// headerValue accepts what may stand in a header: a file with two lines, or a
// token with the word Bearer before it, does not.
func headerValue(s string) *complaint {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return &complaint{"holds a blank or a line break", "give the bare key or token, in one line"}
	}
	return nil
}

// userName refuses what basic authentication would cut in two.
func userName(s string) *complaint {
	if strings.Contains(s, ":") {
		return &complaint{"holds a colon, which ends a user name in basic authentication", "put the password under password"}
	}
	return nil
}

// addresses reads one URL or several, and takes the slash off their ends.
func addresses(dst *[]string) into {
	return func(d *decoder, v value) {
		oneOrMore(dst, address)(d, v)
		for i, u := range *dst {
			(*dst)[i] = strings.TrimRight(u, "/")
		}
	}
}

// address accepts the URL of a server. What is wrong with it is said without
// url.Parse's words, which quote it.
func address(s string) *complaint {
	u, err := url.Parse(s)
	switch {
	case strings.Contains(s, "@"):
		return &complaint{
			"holds a user or a password",
			`put them under auth.basic, a bucket's keys under access_key_id and secret_access_key, each as "${env:NAME}"`,
		}
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return &complaint{"wants a URL such as https://search.example:9200", "begin it with https:// or http://"}
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return &complaint{message: "holds a query or a fragment, which no request would carry"}
	default:
		return nil
	}
}
