package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signature version 1 is RSA with SHA-1
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Where the certificate of notifications lies, and where a subscription is confirmed.
const (
	certificatePath = "/SimpleNotificationService-0000000000000000000000example00.pem"
	subscribePath   = "/sns/subscription"
)

//go:embed example/notification_key.pem
var notificationKey string

// signer signs notifications. Its key is public: it stands for Amazon only where a receiver was told so for a test.
type signer struct {
	key         *rsa.PrivateKey
	certificate []byte // PEM
}

// theSigner is the same for every simulator of a process: its certificate is made once.
var theSigner = sync.OnceValues(func() (*signer, error) {
	key, err := parsePrivateKey(notificationKey[strings.Index(notificationKey, "-----BEGIN"):])
	if err != nil {
		return nil, fmt.Errorf("amazonpay sandbox: the example key of notifications: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com (simulator)"},
		DNSNames:  []string{"sns.amazonaws.com", "sns.us-east-1.amazonaws.com", "sns.eu-west-1.amazonaws.com", "sns.us-west-2.amazonaws.com"},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), // whatever the clock of a test shows
		NotAfter:  time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("amazonpay sandbox: the certificate of notifications: %w", err)
	}
	return &signer{key: key, certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
})

func newSigner() (*signer, error) { return theSigner() }

// sign fills in version and signature: RSA PKCS#1 v1.5 with SHA-1 or SHA-256 over the canonical text.
func (s *signer) sign(e *envelope, version int) {
	e.SignatureVersion = strconv.Itoa(version)
	text := []byte(e.canonical())
	var raw []byte
	if version == 1 {
		sum := sha1.Sum(text) //nolint:gosec // see above
		raw, _ = rsa.SignPKCS1v15(nil, s.key, crypto.SHA1, sum[:])
	} else {
		sum := sha256.Sum256(text)
		raw, _ = rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
	}
	e.Signature = base64.StdEncoding.EncodeToString(raw)
}

// canonical is every signed key and its value, each on a line.
func (e *envelope) canonical() string {
	pairs := []string{"Message", e.Message, "MessageId", e.MessageID}
	if e.Type != "Notification" {
		pairs = append(pairs, "SubscribeURL", e.SubscribeURL)
	}
	pairs = append(pairs, "Timestamp", e.Timestamp)
	if e.Type != "Notification" {
		pairs = append(pairs, "Token", e.Token)
	}
	pairs = append(pairs, "TopicArn", e.TopicArn, "Type", e.Type)
	return strings.Join(pairs, "\n") + "\n"
}

func (s *Server) serveCertificate(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(s.signer.certificate) // the caller left; it will ask again
}
