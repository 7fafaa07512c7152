package amazonpay

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the first version of SNS signatures, taken only where the settings say so
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers/internal/outbound"
	"github.com/paymux/paymux/providers/internal/strict"
)

// The types of envelopes.
const (
	typeNotification = "Notification"
	typeConfirmation = "SubscriptionConfirmation"
	typeUnsubscribe  = "UnsubscribeConfirmation"
)

// envelope is a message of SNS: its text members.
type envelope map[string]string

// covered are the members under the signature, in its order. Subject counts only where there is one.
// Source: Amazon SNS developer guide, verifying the signatures of messages.
var covered = map[string][]string{
	typeNotification: {"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"},
	typeConfirmation: {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
	typeUnsubscribe:  {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
}

var (
	idForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	shownForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	certHost  = regexp.MustCompile(`^sns\.[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(\.cn)?$`) // a region: s3-eu-west-1 would be anybody's bucket
	certPath  = regexp.MustCompile(`^/[A-Za-z0-9._-]{1,200}\.pem$`)
)

// enveloped takes the text members. The text under the signature puts names and values on lines of their own and escapes
// nothing, so a value with a line break could be read as the next name: only the message itself may have one, and with
// every line behind it fixed, it ends where it ends.
func enveloped(v strict.Value) (envelope, error) {
	e := envelope{}
	for _, m := range v.Members {
		if m.Value.Kind != strict.String {
			continue
		}
		if m.Name != "Message" && strings.ContainsFunc(m.Value.Text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return nil, errors.New("amazonpay: a value of the envelope has control characters")
		}
		e[m.Name] = m.Value.Text
	}
	names, known := covered[e["Type"]]
	if !known {
		return nil, errors.New("amazonpay: the envelope is of an unknown type")
	}
	for _, name := range names {
		if _, there := e[name]; !there && name != "Subject" {
			return nil, errors.New("amazonpay: the envelope has no " + name)
		}
	}
	if !idForm.MatchString(e["MessageId"]) || !topicARN.MatchString(e["TopicArn"]) {
		return nil, errors.New("amazonpay: the ids of the envelope cannot be read")
	}
	return e, nil
}

// signedText is what SNS signs of the envelope.
func (e envelope) signedText() string {
	var b strings.Builder
	for _, name := range covered[e["Type"]] {
		if value, there := e[name]; there {
			b.WriteString(name + "\n" + value + "\n")
		}
	}
	return b.String()
}

// certificates are the keys that SNS signs with, fetched once each.
type certificates struct {
	out       *outbound.Client
	elsewhere *url.URL // of a simulator; nil: Amazon's own place
	olderSign bool

	mu       sync.Mutex
	keys     map[string]signingKey
	fetching chan struct{} // full while one is fetched; those who wait find it kept
	fetches  []time.Time   // by whoever fetches
}

type signingKey struct {
	key         *rsa.PublicKey
	from, until time.Time
}

// A certificate is fetched because a message says so, and before it can be judged. So no more are kept and fetched than
// Amazon's own changes ask for, and nobody waits long for one.
const (
	mostKept    = 16
	mostFetched = 20
	fetchWindow = time.Minute
	fetchWithin = 5 * time.Second
)

func newCertificates(cfg Config, out *outbound.Client) *certificates {
	c := &certificates{out: out, olderSign: cfg.SignatureV1, keys: map[string]signingKey{}, fetching: make(chan struct{}, 1)}
	if cfg.CertificateHost != "" {
		c.elsewhere, _ = url.Parse(cfg.CertificateHost) // Validate has read it
	}
	return c
}

// Why a notification is refused, for operators.
const (
	whyHost        = "its certificate is not at Amazon SNS, or for a simulator not at sns_certificate_url"
	whyCertificate = "its certificate is none that Amazon SNS signs with"
	whyOlder       = "it is signed with version 1, which sns_signature_v1 takes"
	whyVersion     = "the version of its signature is not known"
	whySignature   = "its signature does not match, or its certificate is not valid now"
	whyTopic       = "its topic is none of sns_topics"
	whyForeign     = "its topic is not that of the account's merchant_id"
	whyMerchant    = "it is about another merchant than the account's merchant_id"
)

// verify tells whether e bears a signature of SNS: nil, NotAuthentic, or Unavailable when its certificate cannot
// be had.
func (c *certificates) verify(ctx context.Context, e envelope) error {
	address := or(e["SigningCertURL"], e["SigningCertUrl"])
	if !c.trusted(address) {
		return core.NotAuthentic(whyHost)
	}
	text := []byte(e.signedText())
	sum := sha256.Sum256(text)
	kind, digest := crypto.SHA256, sum[:]
	switch {
	case e["SignatureVersion"] == "2":
	case e["SignatureVersion"] == "1" && c.olderSign:
		older := sha1.Sum(text) //nolint:gosec // see above
		kind, digest = crypto.SHA1, older[:]
	case e["SignatureVersion"] == "1":
		return core.NotAuthentic(whyOlder)
	default:
		return core.NotAuthentic(whyVersion)
	}
	signature, err := base64.StdEncoding.DecodeString(e["Signature"])
	if err != nil {
		return core.NotAuthentic(whySignature)
	}
	signed := func(key signingKey) bool {
		at := time.Now()
		return !at.Before(key.from) && !at.After(key.until) && rsa.VerifyPKCS1v15(key.key, kind, digest, signature) == nil
	}
	key, err := c.key(ctx, address, signed)
	if err == nil && !signed(key) {
		err = core.NotAuthentic(whySignature)
	}
	return err
}

// trusted reports whether a certificate at address is Amazon's: TLS proves the host, and the rule says which are.
func (c *certificates) trusted(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.RawPath != "" || strings.Contains(address, "#") {
		return false
	}
	if c.elsewhere != nil {
		return c.atAmazon(u) && strings.HasSuffix(u.Path, ".pem")
	}
	return c.atAmazon(u) && certPath.MatchString(u.Path)
}

// atAmazon reports whether an address is at Amazon SNS, or at the simulator that stands for it.
func (c *certificates) atAmazon(u *url.URL) bool {
	if c.elsewhere != nil {
		return u.Scheme == c.elsewhere.Scheme && u.Host == c.elsewhere.Host
	}
	return u.Scheme == "https" && certHost.MatchString(u.Host)
}

// key is the key of the certificate at address, which is trusted. It is kept once it has signed something: nobody pushes
// out the one in use with others that he names.
func (c *certificates) key(ctx context.Context, address string, signed func(signingKey) bool) (signingKey, error) {
	if key, kept := c.kept(address); kept {
		return key, nil
	}
	select {
	case c.fetching <- struct{}{}:
		defer func() { <-c.fetching }()
	case <-ctx.Done():
		return signingKey{}, silent("amazonpay.ParseFeedback", ctx.Err())
	}
	if key, kept := c.kept(address); kept {
		return key, nil
	}
	if !c.mayFetch() {
		return signingKey{}, silent("amazonpay.ParseFeedback", errors.New("amazonpay: too many certificates are asked for"))
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	answer, err := c.out.Do(ctx, outbound.Request{Method: http.MethodGet, URL: address})
	if err == nil && answer.Status != http.StatusOK {
		err = &outbound.StatusError{Status: answer.Status}
	}
	if err != nil {
		return signingKey{}, silent("amazonpay.ParseFeedback", err)
	}
	key, err := keyIn(answer.Body, c.elsewhere != nil)
	switch {
	case errors.Is(err, errNotAmazons):
		return signingKey{}, core.NotAuthentic(whyCertificate)
	case err != nil: // a proxy's page, or half of it: Amazon takes a refusal for the last word, so it is to ask again
		return signingKey{}, silent("amazonpay.ParseFeedback", err)
	}
	if signed(key) {
		c.keep(address, key)
	}
	return key, nil
}

func (c *certificates) kept(address string) (signingKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, kept := c.keys[address]
	return key, kept
}

func (c *certificates) keep(address string, key signingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keys) >= mostKept {
		clear(c.keys)
	}
	c.keys[address] = key
}

func (c *certificates) mayFetch() bool {
	now := time.Now()
	for len(c.fetches) > 0 && now.Sub(c.fetches[0]) > fetchWindow {
		c.fetches = c.fetches[1:]
	}
	if len(c.fetches) >= mostFetched {
		return false
	}
	c.fetches = append(c.fetches, now)
	return true
}

var errNotAmazons = errors.New("amazonpay: the certificate is none of Amazon's")

// keyIn is the RSA key of a certificate. Only a simulator vouches for itself.
func keyIn(text []byte, simulated bool) (signingKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return signingKey{}, errors.New("amazonpay: it is no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return signingKey{}, errors.New("amazonpay: the certificate cannot be read")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || !simulated && cert.Issuer.String() == cert.Subject.String() {
		return signingKey{}, errNotAmazons
	}
	return signingKey{key, cert.NotBefore, cert.NotAfter}, nil
}
