package webhook

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Every test runs with proxies in the environment that must never be asked.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		if err := os.Setenv(name, "http://proxy.example:3128"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	shop       = "shop.example"
	shopURL    = "https://shop.example/hooks?shop=7"
	publicAddr = "93.184.215.14"
)

// world is what a guard sees of the network: names, and who answers at an address. It counts what is asked of both.
type world struct {
	t       testing.TB
	mu      sync.Mutex
	names   map[string][][]netip.Addr // the answers to the first, second, … look-up; the last one stays
	lookups []string
	dials   []string
	serve   func(net.Conn) // who answers at every address; nil: nobody
	open    []net.Conn
	running sync.WaitGroup
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, names: map[string][][]netip.Addr{}}
	w.name(shop, publicAddr)
	return w
}

// name adds the answer to one more look-up of host.
func (w *world) name(host string, addresses ...string) {
	answer := []netip.Addr{}
	for _, a := range addresses {
		answer = append(answer, netip.MustParseAddr(a))
	}
	w.names[host+"."] = append(w.names[host+"."], answer)
}

func (w *world) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if network != "ip" {
		return nil, errors.New("both families are to be asked for, in one look-up")
	}
	w.lookups = append(w.lookups, host)
	answers := w.names[host]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		w.names[host] = answers[1:]
	}
	return append([]netip.Addr{}, answers[0]...), nil
}

var errRefused = errors.New("connect: connection refused")

func (w *world) dial(_ context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dials = append(w.dials, address)
	if w.serve == nil || network != "tcp" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errRefused}
	}
	near, far := net.Pipe()
	w.open = append(w.open, near)
	w.running.Go(func() { defer func() { _ = far.Close() }(); w.serve(far) })
	return near, nil
}

func (w *world) guard(o GuardOptions) *Guard {
	o.Resolver, o.Dial = w, w.dial
	return NewGuard(o)
}

// sender trusts the certificate of the world's endpoints and draws the middle of the jitter. At the end of the test it
// is closed; whoever answers must see that by then.
func (w *world) sender(g *Guard) *Sender {
	s := NewSender(g, SenderOptions{Roots: exampleRoots, Random: middle})
	w.t.Cleanup(func() {
		s.Close()
		if w.t.Failed() { // then the reason is wanted, not that somebody still waits
			for _, c := range w.open {
				_ = c.Close()
			}
		}
		w.running.Wait()
	})
	return s
}

func middle(n int64) int64 { return n / 2 }

// endpoint answers every connection over TLS by handler; the raw connection ends when handler returns.
func endpoint(handler func(c net.Conn, r *http.Request, body []byte)) func(net.Conn) {
	return func(raw net.Conn) {
		c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{exampleCertificate}})
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			handler(c, r, body)
			if r.Close {
				return
			}
		}
	}
}

// says is an endpoint that answers with this text and then closes.
func says(text string) func(net.Conn) {
	return endpoint(func(c net.Conn, r *http.Request, _ []byte) {
		_, _ = io.WriteString(c, text)
		r.Close = true
	})
}

var exampleCertificate, exampleRoots = certificate(shop)

// certificate is good for names, at the time of a synctest bubble and now.
func certificate(names ...string) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

func exampleKeys(t testing.TB) Keyring {
	t.Helper()
	s, err := ParseSecret(exampleSecret)
	require.NoError(t, err)
	return Keyring{{Secret: s}}
}

func message(t testing.TB, url string) Message {
	t.Helper()
	return Message{EventID: "evt_01JZ0000000000000000000000", URL: url, Body: []byte(`{"type":"payment.succeeded","data":{"sequence":3}}`), Keys: exampleKeys(t), Try: 1}
}

func deliver(t testing.TB, s *Sender, m Message) Result {
	t.Helper()
	r, err := s.Deliver(t.Context(), m)
	require.NoError(t, err)
	return r
}
