// SPDX-License-Identifier: ISC

// A client on Go's crypto/tls; see interop.py for what it is told and tells.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

type report struct {
	TLS    string `json:"tls"`
	ALPN   string `json:"alpn"`
	Bytes  int    `json:"bytes"`
	Digest string `json:"digest"`
	End    string `json:"end"`
	Error  string `json:"error"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func configure(told map[string]string) *tls.Config {
	pem, err := os.ReadFile(told["ca"])
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	version := uint16(tls.VersionTLS12)
	if told["version"] == "1.3" {
		version = tls.VersionTLS13
	}
	config := &tls.Config{RootCAs: roots, ServerName: told["name"], MinVersion: version,
		MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if told["alpn"] != "" {
		config.NextProtos = strings.Split(told["alpn"], ",")
	}
	if told["cert"] != "" {
		pair, err := tls.LoadX509KeyPair(told["cert"], told["key"])
		check(err)
		// Whatever authorities the server names.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &pair, nil
		}
	}
	return config
}

func talk(config *tls.Config, told map[string]string) (said report) {
	connection, err := tls.Dial("tcp", net.JoinHostPort(told["host"], told["port"]), config)
	if err != nil {
		said.End, said.Error = "handshake", err.Error()
		return
	}
	defer connection.Close()
	_, err = io.WriteString(connection, told["request"]+"\n")
	digest := sha256.New()
	if err == nil {
		var n int64
		n, err = io.Copy(digest, connection)
		said.Bytes = int(n)
	}
	state := connection.ConnectionState()
	said.TLS = "TLSv" + told["version"] // no other was allowed
	said.ALPN = state.NegotiatedProtocol
	said.Digest = fmt.Sprintf("%x", digest.Sum(nil))
	switch {
	case err == nil:
		said.End = "clean"
	case errors.Is(err, io.ErrUnexpectedEOF):
		said.End = "truncated"
	default:
		said.End, said.Error = "error", err.Error()
	}
	return
}

func main() {
	told := map[string]string{"times": "1"}
	for _, argument := range os.Args[1:] {
		key, value, _ := strings.Cut(argument, "=")
		told[key] = value
	}
	times, err := strconv.Atoi(told["times"])
	check(err)
	config := configure(told)
	for ; times > 0; times-- {
		check(json.NewEncoder(os.Stdout).Encode(talk(config, told)))
	}
}
