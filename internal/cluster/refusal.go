package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// withoutCanonical cuts what Amazon repeats of a request that was signed
// wrongly: a session token is in it.
func withoutCanonical(message string) string {
	message, _, _ = strings.Cut(message, "The Canonical String")
	return strings.TrimSpace(message)
}

// signatureHint gives the next step for Amazon's refusals of a signature.
func signatureHint(reason string, h http.Header) string {
	says := func(words string) bool { return strings.Contains(reason, words) }
	switch {
	case says("Signature expired"), says("Signature not yet current"):
		behind, _ := clockBehind(h)
		return fmt.Sprintf("set this machine's clock, which is %s, and keep it set (NTP)", Skew(behind))
	case says("token included in the request is invalid"):
		return "check the access key: the service does not know it, or it wants the session token that belongs to it"
	case says("token included in the request is expired"):
		return "get new keys: these were lent for a time, and it is over"
	case says("signature we calculated does not match"):
		return "check the secret access key, and that no proxy in between changes requests"
	case says("scoped to a valid region"):
		return "correct auth.sigv4.region: it must be the region of the domain"
	case says("scoped to correct service"):
		return "correct auth.sigv4.service: es for a domain, aoss for a serverless collection"
	case says("iam:PassRole"):
		return "allow who signs iam:PassRole on the role that the repository names, and sign by auth.sigv4"
	case says("anonymous is not authorized"):
		return "sign the requests: give auth.sigv4"
	case says("is not authorized to perform"):
		return "allow it in the domain's access policy, or in the policy of the user or role that signs"
	default:
		return ""
	}
}

// Skew says in words how far a clock is behind, or ahead.
func Skew(behind time.Duration) string {
	if behind < 0 {
		return fmt.Sprintf("%.0f s ahead of the service's", -behind.Seconds())
	}
	return fmt.Sprintf("%.0f s behind the service's", behind.Seconds())
}
