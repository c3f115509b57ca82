package aws

import "net/http"

// Sign gives the signature that r should have, for a test against Amazon's
// published example.
func Sign(r *http.Request, secret, hash string) (string, error) {
	a, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return "", err
	}
	request, err := canonical(r, a.signed, hash)
	return signature(secret, a, r.Header.Get("X-Amz-Date"), request), err
}

// CanonicalURI and CanonicalQuery are what signatures are made of.
func CanonicalURI(path string) (string, error)    { return canonicalURI(path) }
func CanonicalQuery(query string) (string, error) { return canonicalQuery(query) }
