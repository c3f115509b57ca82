package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// stamp is the form of X-Amz-Date.
	stamp = "20060102T150405Z"
	// tolerance between the signer's clock and the service's.
	tolerance = 5 * time.Minute
)

// The kinds of refusals, as the header X-Amzn-ErrorType names them.
const (
	InvalidSignature    = "InvalidSignatureException"
	IncompleteSignature = "IncompleteSignatureException"
	MissingToken        = "MissingAuthenticationTokenException"
	UnrecognizedClient  = "UnrecognizedClientException"
	ExpiredToken        = "ExpiredTokenException"
	AccessDenied        = "AccessDeniedException"
	SerializationError  = "SerializationException"
)

// refusal is an answer that says no.
type refusal struct {
	status        int
	kind, message string
}

func refuse(kind, format string, args ...any) *refusal {
	return &refusal{status: http.StatusForbidden, kind: kind, message: fmt.Sprintf(format, args...)}
}

// verifier holds what a service judges signatures by.
type verifier struct {
	accounts        *Accounts
	region, service string
}

// verify judges a request whose body was read, by the service's clock.
func (v verifier) verify(r *http.Request, body []byte, now time.Time) (Key, *refusal) {
	if r.Header.Get("Authorization") == "" {
		return Key{}, refuse(MissingToken, "User: anonymous is not authorized to perform: %s:ESHttp%s", v.service, verb(r.Method))
	}
	if r.ContentLength < 0 {
		return Key{}, &refusal{http.StatusLengthRequired, IncompleteSignature, "the request promises no length"}
	}
	a, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return Key{}, refuse(IncompleteSignature, "%s", err)
	}
	date := r.Header.Get("X-Amz-Date")
	if no := checkDate(a, date, now); no != nil {
		return Key{}, no
	}
	k, no := v.key(a, r, now)
	if no != nil {
		return Key{}, no
	}
	if no := v.checkScope(a); no != nil {
		return Key{}, no
	}
	if no := v.checkHeaders(a, r, body); no != nil {
		return Key{}, no
	}
	sum := sha256.Sum256(body)
	request, err := canonical(r, a.signed, hex.EncodeToString(sum[:]))
	if err != nil {
		return Key{}, mismatch(err.Error())
	}
	if !hmac.Equal([]byte(signature(k.Secret, a, date, request)), []byte(a.signature)) {
		return Key{}, mismatch(request)
	}
	return k, nil
}

// mismatch has Amazon's words, which repeat the request's headers, a session
// token among them.
func mismatch(request string) *refusal {
	return refuse(InvalidSignature, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
		"The Canonical String for this request should have been\n'%s'\n", request)
}

func checkDate(a authorization, date string, now time.Time) *refusal {
	signed, err := time.Parse(stamp, date)
	switch {
	case err != nil:
		return refuse(IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'.", date)
	case signed.Format("20060102") != a.date:
		return refuse(InvalidSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", a.date, signed.Format("20060102"), date)
	case signed.Before(now.Add(-tolerance)):
		return refuse(InvalidSignature, "Signature expired: %s is now earlier than %s (%s - 5 min.)", date, now.Add(-tolerance).Format(stamp), now.Format(stamp))
	case signed.After(now.Add(tolerance)):
		return refuse(InvalidSignature, "Signature not yet current: %s is still later than %s (%s + 5 min.)", date, now.Add(tolerance).Format(stamp), now.Format(stamp))
	default:
		return nil
	}
}

// key finds whose request it is.
func (v verifier) key(a authorization, r *http.Request, now time.Time) (Key, *refusal) {
	k, ok := v.accounts.find(a.key)
	token := r.Header.Get("X-Amz-Security-Token")
	switch {
	case !ok || k.Token != token:
		return Key{}, refuse(UnrecognizedClient, "The security token included in the request is invalid.")
	case !k.Expires.IsZero() && now.After(k.Expires):
		return Key{}, refuse(ExpiredToken, "The security token included in the request is expired")
	default:
		return k, nil
	}
}

func (v verifier) checkScope(a authorization) *refusal {
	switch {
	case a.region != v.region:
		return refuse(InvalidSignature, "Credential should be scoped to a valid region, not '%s'. ", a.region)
	case a.service != v.service:
		return refuse(InvalidSignature, "Credential should be scoped to correct service: '%s'. ", v.service)
	default:
		return nil
	}
}

// checkHeaders wants every header signed that a signature must cover, and the
// body's hash where it is announced.
func (v verifier) checkHeaders(a authorization, r *http.Request, body []byte) *refusal {
	for name := range r.Header {
		name = strings.ToLower(name)
		if (strings.HasPrefix(name, "x-amz-") || name == "content-type") && !slices.Contains(a.signed, name) {
			return mismatch("'" + name + "' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	if !slices.Contains(a.signed, "host") {
		return mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	announced := r.Header.Get("X-Amz-Content-Sha256")
	if v.service == Serverless {
		switch {
		case announced == "":
			return refuse(AccessDenied, "Forbidden")
		case slices.Contains(a.signed, "content-length"):
			return mismatch("'Content-Length' must not be a 'SignedHeader' here.")
		}
	}
	if sum := sha256.Sum256(body); announced != "" && announced != hex.EncodeToString(sum[:]) {
		return mismatch("X-Amz-Content-Sha256 is not that of the body")
	}
	return nil
}

// verb gives the last part of an action, such as Get of es:ESHttpGet.
func verb(method string) string { return method[:1] + strings.ToLower(method[1:]) }
