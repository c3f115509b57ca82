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
	return alertHint(err.Error())
}

// alertHint gives the next step where the two ends found no common ground: the
// standard library has no types for what the other end objects to.
func alertHint(says string) string {
	for _, alert := range []string{"tls: certificate required", "tls: bad certificate", "tls: unknown certificate authority", "tls: certificate unknown", "tls: unsupported certificate"} {
		if strings.Contains(says, "remote error: "+alert) {
			return "the server wants a certificate of yours that it trusts: name one, and its key, under tls.cert_file and tls.key_file"
		}
	}
	if strings.Contains(says, "remote error: tls: handshake failure") {
		return "the server ended the handshake: most often it wants a certificate of yours that it trusts, under tls.cert_file and tls.key_file"
	}
	if strings.Contains(says, "unsupported protocol version") || strings.Contains(says, "protocol version not supported") {
		return "the server speaks no TLS that is safe: let it offer TLS 1.2 or newer"
	}
	return ""
}
