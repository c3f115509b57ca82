package cluster

import (
	"errors"
	"fmt"
	"net/http"
)

// CredentialsError says that there were no credentials to sign with, so that
// nothing was sent.
type CredentialsError struct{ Err error }

// Error names the cause, in Amazon's words where it was asked.
func (e *CredentialsError) Error() string {
	if code, message := e.said(); code != "" {
		return fmt.Sprintf("find AWS credentials: %s: %s", code, withoutCanonical(message))
	}
	return "find AWS credentials: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// NextStep is printed on a line of its own.
func (e *CredentialsError) NextStep() string {
	switch code, _ := e.said(); {
	case code == "AccessDenied":
		return "let the role's trust policy name who assumes it and allow that one sts:AssumeRole, or correct role_arn"
	case code != "":
		return "check the keys that the role is assumed with, and this machine's clock"
	default:
		return "give keys under auth.sigv4, or in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE), or give this machine a role"
	}
}

// Temporary reports whether it may be otherwise later: a refusal will not be.
func (e *CredentialsError) Temporary() bool {
	type answered interface {
		error
		HTTPStatusCode() int
	}
	refused, ok := errors.AsType[answered](e.Err)
	if !ok {
		return false
	}
	status := refused.HTTPStatusCode()
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}

// said gives the token service's own words; empty where it was not asked.
func (e *CredentialsError) said() (code, message string) {
	type told interface {
		error
		ErrorCode() string
		ErrorMessage() string
	}
	if api, ok := errors.AsType[told](e.Err); ok {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", ""
}
