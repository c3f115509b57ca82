package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Error is a failure of a bucket's service.
type Error struct {
	// Op is what was being done, Bucket and Key what to.
	Op, Bucket, Key string
	// Status is the HTTP status; 0 when no answer came.
	Status int
	// Code is the service's own, such as NoSuchBucket.
	Code string
	Err  error
	// unreached: the service has never answered.
	unreached bool
}

// Error names bucket, key and cause, in one sentence.
func (e *Error) Error() string {
	what := e.Op + " " + e.Bucket + e.Key
	if e.Code != "" {
		return what + ": " + e.Code + ": " + reason(e.Err)
	}
	return what + ": " + reason(e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether another try may help: a connection that broke, an
// answer with holes, a service that is busy or says that it failed.
func (e *Error) Temporary() bool {
	if e.unreached {
		return false
	}
	if e.Status == 0 {
		_, unsent := errors.AsType[*smithyhttp.RequestSendError](e.Err)
		return unsent || errors.Is(e.Err, errBroken)
	}
	return e.throttled() || e.Code == "RequestTimeout" || e.Code == "BadDigest" || e.Code == "InternalError" ||
		e.Status >= http.StatusInternalServerError && e.Status != http.StatusNotImplemented && !e.full()
}

// throttled reports whether the service asks for fewer requests.
func (e *Error) throttled() bool {
	return e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests ||
		slices.Contains([]string{"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}, e.Code)
}

// full reports whether the service has no room.
func (e *Error) full() bool {
	return e.Status == http.StatusInsufficientStorage || e.Code == "QuotaExceeded" || e.Code == "XMinioStorageFull" ||
		strings.Contains(strings.ToLower(reason(e.Err)), "no space left")
}

// NextStep is printed on a line of its own.
func (e *Error) NextStep() string {
	const again = "; objects that are there are not copied again"
	switch {
	case e.Code == "NoSuchBucket":
		return "make the bucket, or correct its name under snapshot.copy"
	case slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "SecurityTokenExpired"}, e.Code):
		return "give a new session_token with its keys, or a role_arn that renews itself, and run again" + again
	case e.Code == "InvalidObjectState":
		return "restore the object from its archive tier, then run again" + again
	case e.Code == "RequestTimeTooSkewed":
		return "set the clock of this machine: services refuse requests that are 15 minutes off"
	case slices.Contains([]string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "XAdminUserNotFound"}, e.Code):
		return "check access_key_id and secret_access_key of this bucket under snapshot.copy"
	case e.Code == "AccessDenied" || e.Status == http.StatusForbidden:
		return "grant this bucket's keys under snapshot.copy their permissions: the source's bucket must be listed and read (and its KMS key used), the target's listed and written"
	case e.full():
		return "make room on the target, then run again" + again
	case e.throttled():
		return "run again when the service is less busy, or set snapshot.copy.bytes_per_second" + again
	case e.Op == opCompare:
		return "see that nobody else writes to the target's bucket, then run again" + again
	default:
		return "check endpoint and region under snapshot.copy, then run again" + again
	}
}

var (
	// errBroken is an answer that is not whole.
	errBroken = errors.New("the answer broke off")
	// errChanged is an object that is not the one that was listed.
	errChanged = errors.New("it is not the object that was listed")
)

// The operations that are told apart by their errors.
const (
	opRead    = "read"
	opWrite   = "write"
	opCompare = "compare"
)

func (b *Bucket) failed(op, key string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s%s: %w", op, b, key, err)
	}
	if told, ok := err.(*Error); ok { //nolint:errorlint // the other side's own error is meant, not one below
		return told
	}
	e := &Error{Op: op, Bucket: b.String(), Key: key, Err: err, unreached: !b.reached.Load()}
	// No answer at all comes as one with status 0.
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok && answer.HTTPStatusCode() > 0 {
		e.Status, e.unreached = answer.HTTPStatusCode(), false
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.Code = api.ErrorCode()
	}
	return e
}

// reason shortens the SDK's chain to what a reader needs.
func reason(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		return api.ErrorMessage()
	}
	if sent, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return sent.Err.Error()
	}
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		return op.Err.Error()
	}
	return err.Error()
}

// gone reports whether an object of the source vanished, or became another one,
// under the copy: the listing is no longer true.
func gone(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "NoSuchKey" || e.Code == "NotFound" || e.Status == http.StatusPreconditionFailed || errors.Is(err, errChanged))
}

// refused reports whether a service does not copy by itself, or may not read
// the one bucket with the other's keys.
func refused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && slices.Contains([]int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented}, e.Status)
}
