package etcdstore

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"esferry/checkpoint"
	"esferry/internal/retry"
)

const (
	// standardTTL bounds how long nobody may go on with a ferry whose holder died.
	// It outlasts the election of a leader, and the pauses of a busy machine.
	standardTTL = 10 * time.Second
	// patience is what one request may take, an election under way included.
	patience = 3 * time.Second
	// opening is what it may take to find out whether the cluster is there.
	opening = 5 * time.Second
	// pingAfter is when a silent connection is tried: no more often than etcd
	// allows by default.
	pingAfter = 6 * time.Second
)

// Options of a Store.
type Options struct {
	// Endpoints are the URLs of the cluster's members, all http or all https.
	Endpoints []string
	// Root begins all keys of the ferry, and ends with a slash. Each ferry has its own.
	Root string
	// Username and Password, where the cluster asks for them.
	Username, Password string
	// CAFile, CertFile and KeyFile are PEM files; the system's authorities are
	// trusted without a CAFile.
	CAFile, CertFile, KeyFile string
	// InsecureSkipVerify trusts any certificate.
	InsecureSkipVerify bool
	// TTL is how long a holder that is not heard of keeps the ferry, in whole
	// seconds; 10 s when zero. A cluster raises it to its own least.
	TTL time.Duration
}

// Store is a checkpoint.Store in etcd. Safe for concurrent use.
type Store struct {
	client    *clientv3.Client
	endpoints []string
	trust     *tls.Config
	keys      keys
	ttl       time.Duration

	// holding guards tenure, what this Store acquired last; nil before.
	holding sync.Mutex
	tenure  *tenure

	closing sync.Once
	closed  atomic.Bool
	failed  error
}

var _ checkpoint.Store = (*Store)(nil)

// Open reaches the cluster, or tells within some seconds why it cannot:
// *UnreachableError, *AccessError, *SchemaError. Nothing is written before
// Acquire, so that whoever only looks opens a store in the same way, while its
// ferry runs, too. A ferry that never ran has an empty store.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{endpoints: o.Endpoints, keys: keys(o.Root), ttl: o.TTL}
	if s.ttl == 0 {
		s.ttl = standardTTL
	}
	if err := s.dial(ctx, o); err != nil {
		return nil, fmt.Errorf("open the checkpoint store: %w", err)
	}
	if err := s.verifySchema(ctx); err != nil {
		_ = s.client.Close() //nolint:errcheck // the first error says it all
		return nil, fmt.Errorf("open the checkpoint store: %w", err)
	}
	return s, nil
}

func (s *Store) dial(ctx context.Context, o Options) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if slices.ContainsFunc(o.Endpoints, func(u string) bool { return strings.HasPrefix(u, "https:") }) {
		files := transport.TLSInfo{TrustedCAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile, InsecureSkipVerify: o.InsecureSkipVerify}
		if s.trust, err = files.ClientConfig(); err != nil {
			return &UnreachableError{Endpoints: o.Endpoints, Reason: err.Error(), TLS: true}
		}
	}
	s.client, err = clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, Username: o.Username, Password: o.Password, TLS: s.trust,
		DialTimeout: opening, DialKeepAliveTime: pingAfter, DialKeepAliveTimeout: patience,
		// What it has to tell is told by its errors.
		Logger: zap.NewNop(),
	})
	if err != nil {
		return s.diagnosed(ctx, s.judge(ctx, err))
	}
	return nil
}

func (s *Store) verifySchema(ctx context.Context) error {
	var answer *clientv3.GetResponse
	err := s.askFor(ctx, opening, func(ctx context.Context) (err error) {
		answer, err = s.client.Get(ctx, s.keys.schema())
		return err
	})
	if err != nil || len(answer.Kvs) == 0 {
		return err
	}
	is, err := strconv.Atoi(string(answer.Kvs[0].Value))
	if err != nil {
		return fmt.Errorf("%s is not a number", s.keys.schema())
	}
	if is > schema {
		return &SchemaError{Root: string(s.keys), Is: is, Knows: schema}
	}
	return nil
}

// ask makes a request again until it is answered, for as long as a lease lasts.
// The request must do no harm where it is done twice.
func (s *Store) ask(ctx context.Context, request func(ctx context.Context) error) error {
	return s.askFor(ctx, s.ttl, request)
}

// askFor bounds each try so that a few fit into the total.
func (s *Store) askFor(ctx context.Context, total time.Duration, request func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return errClosed
	}
	err := retry.Do(ctx, retry.Policy{First: 50 * time.Millisecond, Most: time.Second, Total: total}, func(ctx context.Context) error {
		bounded, cancel := context.WithTimeout(ctx, min(patience, total/2))
		defer cancel()
		return s.judge(ctx, request(bounded))
	})
	return s.diagnosed(ctx, err)
}

// diagnosed puts into an *UnreachableError what a bare connection ends with: the
// client tells no more than that it waited.
func (s *Store) diagnosed(ctx context.Context, err error) error {
	silent, ok := err.(*UnreachableError) //nolint:errorlint // judge gives it bare
	if !ok {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, endpoint := range s.endpoints {
		at, err := url.Parse(endpoint)
		if err != nil {
			continue
		}
		connection, err := (&net.Dialer{}).DialContext(bounded, "tcp", at.Host)
		if err != nil {
			silent.Reason = err.Error()
			continue
		}
		err = s.greet(bounded, connection, at.Hostname())
		_ = connection.Close() //nolint:errcheck // nothing was said
		if err != nil {
			silent.Reason, silent.TLS = fmt.Sprintf("%s: %v", endpoint, err), true
			break
		}
	}
	return silent
}

func (s *Store) greet(ctx context.Context, connection net.Conn, host string) error {
	if s.trust == nil {
		return nil
	}
	trust := s.trust.Clone()
	if trust.ServerName == "" {
		trust.ServerName = host
	}
	return tls.Client(connection, trust).HandshakeContext(ctx)
}

// Close gives the lease back and closes the connections; without the cluster the
// lease runs out by itself. Later calls return the same.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.holding.Lock()
		defer s.holding.Unlock()
		if s.tenure != nil {
			s.tenure.end()
		}
		s.closed.Store(true)
		if err := s.client.Close(); err != nil {
			s.failed = fmt.Errorf("close the connections to etcd: %w", err)
		}
	})
	return s.failed
}
