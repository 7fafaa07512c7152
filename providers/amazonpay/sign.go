package amazonpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The names of the signature algorithms: both are RSASSA-PSS with SHA-256 and MGF1-SHA-256 and differ in their salt.
const (
	AlgorithmV2     = "AMZN-PAY-RSASSA-PSS-V2"
	AlgorithmLegacy = "AMZN-PAY-RSASSA-PSS"
)

// saltLengths are in bytes. A signature whose salt has another length than its algorithm says is no signature.
var saltLengths = map[string]int{AlgorithmV2: 32, AlgorithmLegacy: 20}

// header is one header as it travels.
type header struct{ name, value string }

// canonicalRequest is the text of a request whose hash is signed: method, path and query as on the wire, the signed
// headers in lower case and sorted, their names as they were given, and the hash of the body.
// Source: Amazon Pay, signing requests.
func canonicalRequest(method, path, query string, signed []header, body []byte) string {
	sorted := inOrder(signed)
	var b strings.Builder
	b.WriteString(method + "\n" + path + "\n" + query + "\n")
	for _, h := range sorted {
		b.WriteString(strings.ToLower(h.name) + ":" + strings.TrimSpace(h.value) + "\n")
	}
	b.WriteString("\n" + names(sorted) + "\n" + hash(body))
	return b.String()
}

func inOrder(signed []header) []header {
	return slices.SortedFunc(slices.Values(signed), func(a, b header) int {
		return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
	})
}

func names(sorted []header) string {
	list := make([]string, len(sorted))
	for i, h := range sorted {
		list[i] = h.name
	}
	return strings.Join(list, ";")
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// stringToSign is what is signed of a text: a canonical request, or the payload of a button as the browser gets it.
func stringToSign(algorithm, text string) string { return algorithm + "\n" + hash([]byte(text)) }

// signer holds the private key of an account.
type signer struct {
	key       *rsa.PrivateKey
	algorithm string
}

// sign is the signature of text in base64. PSS draws a salt, so it is another one each time.
func (s signer) sign(text string) (string, error) {
	sum := sha256.Sum256([]byte(stringToSign(s.algorithm, text)))
	signature, err := rsa.SignPSS(rand.Reader, s.key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: saltLengths[s.algorithm], Hash: crypto.SHA256})
	if err != nil {
		return "", errors.New("amazonpay: the private key cannot sign")
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// authorization is the header that authenticates a request.
func (s signer) authorization(publicKeyID, canonical string, signed []header) (string, error) {
	signature, err := s.sign(canonical)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s PublicKeyId=%s, SignedHeaders=%s, Signature=%s", s.algorithm, publicKeyID, names(inOrder(signed)), signature), nil
}

// parsePrivateKey reads an RSA key as PEM in PKCS#1 or PKCS#8. A key that came through an environment variable may have
// its line breaks written as two characters. No error shows any of it.
func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(strings.TrimSpace(text), `\n`, "\n")))
	if block == nil {
		return nil, errors.New("it is no PEM file of a private key")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("it is no private key in PKCS#1 or PKCS#8 without a password")
		}
		ok := false
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("it is no RSA key")
		}
	}
	if key.N.BitLen() < 2048 {
		return nil, errors.New("it has fewer than 2048 bits")
	}
	return key, nil
}
