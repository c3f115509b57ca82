package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"esferry/checkpoint"
)

// UnreachableError says that no member of the cluster could answer: they are
// gone, have no majority, or this machine does not trust them.
type UnreachableError struct {
	// Endpoints that were tried.
	Endpoints []string
	// Reason is what a connection to the first of them ended with, or what the
	// cluster said.
	Reason string
	// TLS: it was the certificates.
	TLS bool
}

// Error names the endpoints.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("etcd at %s does not answer: %s", strings.Join(e.Endpoints, ", "), e.Reason)
}

// Temporary makes it worth another try.
func (*UnreachableError) Temporary() bool { return true }

// NextStep is printed on a line of its own.
func (e *UnreachableError) NextStep() string {
	if e.TLS {
		return "correct checkpoint.tls (ca_file, cert_file, key_file), or the host names in checkpoint.endpoints"
	}
	return "bring the members of etcd back, or correct checkpoint.endpoints, and run the same command again; it resumes"
}

// AccessError says that etcd refuses this user.
type AccessError struct {
	// Root is where the ferry's keys begin.
	Root string
	// Reason in etcd's words, which hold no credentials.
	Reason string
}

// Error gives etcd's reason.
func (e *AccessError) Error() string { return "etcd refuses this user: " + e.Reason }

// NextStep is printed on a line of its own.
func (e *AccessError) NextStep() string {
	return fmt.Sprintf("correct checkpoint.username and checkpoint.password, or let the user read and write all keys under %s (etcdctl role grant-permission ROLE readwrite --prefix=true %s)", e.Root, e.Root)
}

// LimitError says that something is larger than etcd takes. Nothing was written.
type LimitError struct {
	// What is too large.
	What string
	// Reason tells the bound.
	Reason string
}

// Error names what is too large.
func (e *LimitError) Error() string { return fmt.Sprintf("%s: %s", e.What, e.Reason) }

// NextStep is printed on a line of its own.
func (e *LimitError) NextStep() string {
	return "run etcd with no less than its own defaults (--max-request-bytes 1572864, --max-txn-ops 128), divide the ferry into several, or use checkpoint.store: embedded"
}

// SpaceError says that etcd's database is full. Nothing was written.
type SpaceError struct{}

// Error says so.
func (*SpaceError) Error() string { return "etcd's database has reached its quota" }

// NextStep is printed on a line of its own.
func (*SpaceError) NextStep() string {
	return "compact and defragment etcd, disarm its alarm (etcdctl alarm disarm), and run it with --auto-compaction-retention; then run the same command again; it resumes"
}

// SchemaError says that a newer esferry wrote the keys.
type SchemaError struct {
	Root      string
	Is, Knows int
}

// Error names both schemas.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("the keys under %s were written by a newer esferry: their schema is %d, and this one knows up to %d", e.Root, e.Is, e.Knows)
}

// NextStep is printed on a line of its own.
func (*SchemaError) NextStep() string {
	return "run the newer esferry, or give this ferry another checkpoint.prefix"
}

// LostError says that the ferry is no longer this process's. It wraps
// checkpoint.ErrLeaseLost, and a *checkpoint.HeldError where somebody has it now.
type LostError struct {
	// Holder has the ferry now; zero where nobody is known to.
	Holder checkpoint.Holder
	// After is how long the lease is.
	After time.Duration
	// Err is why the cluster could not be asked, nil where it was.
	Err error
}

// Error says who has it now, or why it was lost.
func (e *LostError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%v, for it could not be renewed for %s: %v", checkpoint.ErrLeaseLost, e.After, e.Err)
	case e.Holder != (checkpoint.Holder{}):
		return fmt.Sprintf("%v: pid %d on %s has held it since %s", checkpoint.ErrLeaseLost, e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
	default:
		return fmt.Sprintf("%v: this process was stopped, or cut off from etcd, for longer than %s", checkpoint.ErrLeaseLost, e.After)
	}
}

// Unwrap gives what it is, for callers that decide.
func (e *LostError) Unwrap() []error {
	errs := []error{checkpoint.ErrLeaseLost}
	if e.Holder != (checkpoint.Holder{}) {
		errs = append(errs, &checkpoint.HeldError{Holder: e.Holder})
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Temporary says that no other try cures it, whatever caused it.
func (*LostError) Temporary() bool { return false }

// NextStep is printed on a line of its own.
func (e *LostError) NextStep() string {
	if e.Holder != (checkpoint.Holder{}) {
		return "this process has stopped its writes; watch the other one with esferry status"
	}
	return "this process has stopped its writes; run the same command again once etcd answers; it resumes"
}

// judge makes of an error from the client what a caller can act on. ctx is the
// caller's, whose end is no fault of the cluster.
func (s *Store) judge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = rpctypes.Error(err)
	is := func(candidates ...error) bool {
		for _, c := range candidates {
			if errors.Is(err, c) {
				return true
			}
		}
		return false
	}
	switch {
	case is(rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty, rpctypes.ErrPermissionDenied, rpctypes.ErrInvalidAuthToken):
		return &AccessError{Root: string(s.keys), Reason: saidBy(err)}
	case is(rpctypes.ErrLeaseNotFound):
		// Between two requests of one act the lease ran out.
		return &LostError{After: s.ttl}
	case is(rpctypes.ErrNoSpace):
		return &SpaceError{}
	case is(rpctypes.ErrRequestTooLarge, rpctypes.ErrTooManyOps):
		return &LimitError{What: "a commit", Reason: saidBy(err)}
	case is(context.DeadlineExceeded):
		return &UnreachableError{Endpoints: s.endpoints, Reason: "nothing came in time; a majority of its members has to run"}
	case status.Code(err) == codes.Unavailable, codeOf(err) == codes.Unavailable:
		return &UnreachableError{Endpoints: s.endpoints, Reason: saidBy(err)}
	default:
		return err
	}
}

// codeOf gives the code of an error that etcd's own client has made its own.
func codeOf(err error) codes.Code {
	if known, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return known.Code()
	}
	return codes.Unknown
}

// saidBy gives etcd's words without the name it puts before them.
func saidBy(err error) string {
	return strings.TrimPrefix(rpctypes.ErrorDesc(err), "etcdserver: ")
}

// refused reports whether nothing was written, for sure.
func refused(err error) bool {
	var (
		limit  *LimitError
		space  *SpaceError
		access *AccessError
	)
	return errors.Is(err, checkpoint.ErrLeaseLost) || errors.As(err, &limit) || errors.As(err, &space) || errors.As(err, &access)
}
