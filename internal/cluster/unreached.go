package cluster

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// unreachedHint gives the next step where no answer came.
func unreachedHint(err error, address string) string {
	if hint := certificateHint(err); hint != "" {
		return hint
	}
	var unknown *net.DNSError
	switch {
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server has no TLS: begin url with http://, or give the port that has it"
	case !strings.HasPrefix(address, "https:") && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the server hung up, as one with TLS does: begin url with https://"
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return "no such host: correct url in the configuration, or the machine's name service"
	default:
		return "check that the cluster is up and that url in the configuration is right"
	}
}

// certificateHint gives the next step where the server's certificate was not
// taken.
func certificateHint(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is signed by nobody this machine trusts: get the certificate of its authority from whoever runs the cluster, and name the file under tls.ca_file"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("its certificate is made for other names than %s: use one of them under url", e.Host)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "its certificate is out of date, or this machine's clock is wrong: renew it on the cluster, or set the clock"
	}
	return ""
}
