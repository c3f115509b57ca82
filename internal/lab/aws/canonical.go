package aws

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// algorithm is the only one that is taken.
const algorithm = "AWS4-HMAC-SHA256"

// authorization is the header of that name, taken apart.
type authorization struct {
	key, date, region, service string
	signed                     []string
	signature                  string
}

// scope is what the signing key is derived for.
func (a authorization) scope() string {
	return a.date + "/" + a.region + "/" + a.service + "/aws4_request"
}

func parseAuthorization(header string) (authorization, error) {
	var a authorization
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return a, errors.New("'" + algorithm + "' is required in the Authorization header")
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			f := strings.Split(value, "/")
			if len(f) != 5 || f[4] != "aws4_request" {
				return a, fmt.Errorf("'%s' is no Credential with exactly 5 slash-delimited elements", value)
			}
			a.key, a.date, a.region, a.service = f[0], f[1], f[2], f[3]
		case "SignedHeaders":
			a.signed = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	if a.key == "" || len(a.signed) == 0 || a.signature == "" {
		return a, errors.New("'Credential', 'SignedHeaders' and 'Signature' are required in the Authorization header")
	}
	if !slices.IsSorted(a.signed) {
		return a, errors.New("SignedHeaders are not in order")
	}
	return a, nil
}

// canonical gives the canonical request of what came over the wire.
func canonical(r *http.Request, signed []string, hash string) (string, error) {
	target, query, _ := strings.Cut(r.RequestURI, "?")
	uri, err := canonicalURI(target)
	if err != nil {
		return "", err
	}
	parameters, err := canonicalQuery(query)
	if err != nil {
		return "", err
	}
	var headers strings.Builder
	for _, name := range signed {
		value, ok := headerValue(r, name)
		if !ok {
			return "", fmt.Errorf("'%s' is signed and was not sent", name)
		}
		headers.WriteString(name + ":" + value + "\n")
	}
	return strings.Join([]string{r.Method, uri, parameters, headers.String(), strings.Join(signed, ";"), hash}, "\n"), nil
}

// canonicalURI encodes a path twice. Whether a service starts from the wire's
// bytes or decodes them first matters only for a path that leaves out escapes
// that it should have: such a path is refused, as one of the two would.
func canonicalURI(target string) (string, error) {
	if !strings.HasPrefix(target, "/") {
		return "", fmt.Errorf("the path %s is not absolute", target)
	}
	segments := strings.Split(target, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return "", fmt.Errorf("the path %s: %w", target, err)
		}
		if escaped(plain) != s {
			return "", fmt.Errorf("the path %s has %s where %s is meant", target, s, escaped(plain))
		}
		segments[i] = escaped(s)
	}
	return strings.Join(segments, "/"), nil
}

func canonicalQuery(query string) (string, error) {
	if query == "" {
		return "", nil
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		for _, s := range []*string{&name, &value} {
			if strings.Contains(*s, "+") {
				return "", fmt.Errorf("the query %s has a plus sign, which is read in two ways", query)
			}
			plain, err := url.PathUnescape(*s)
			if err != nil {
				return "", fmt.Errorf("the query %s: %w", query, err)
			}
			*s = escaped(plain)
		}
		pairs = append(pairs, pair{name, value})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value)) })
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.name + "=" + p.value
	}
	return strings.Join(parts, "&"), nil
}

// escaped keeps the unreserved characters of RFC 3986 and no others.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// headerValue gives a header as it is signed: trimmed, runs of blanks as one.
func headerValue(r *http.Request, name string) (string, bool) {
	switch name {
	case "host":
		return r.Host, true
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10), r.ContentLength >= 0
	}
	values := r.Header.Values(name)
	clean := make([]string, len(values))
	for i, v := range values {
		clean[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(clean, ","), len(values) > 0
}

// signature gives what the request should have been signed with.
func signature(secret string, a authorization, date, request string) string {
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{algorithm, date, a.scope(), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
