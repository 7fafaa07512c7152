package amazonpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type signatureVectors struct {
	Keys map[string]struct {
		PKCS1  string `json:"privateKeyPkcs1Pem"`
		PKCS8  string `json:"privateKeyPkcs8Pem"`
		Public string `json:"publicKeyPem"`
	}
	Requests []requestVector
	Buttons  []buttonVector
}

type requestVector struct {
	Name, PublicKeyID, Algorithm, Method, Path, CanonicalQuery, Body, SignedHeaders string
	CanonicalRequest, StringToSign, Signature, Authorization                        string
	Headers                                                                         map[string]string
	ExpectVerify                                                                    bool
}

type buttonVector struct{ Name, PublicKeyID, Algorithm, PayloadJSON, StringToSign, Signature string }

func vectors(t testing.TB) signatureVectors {
	t.Helper()
	data, err := os.ReadFile("testdata/amazonpay-signatures.json")
	require.NoError(t, err)
	var v signatureVectors
	require.NoError(t, json.Unmarshal(data, &v))
	require.Len(t, v.Requests, 11)
	require.Len(t, v.Buttons, 5)
	return v
}

func testSigner(t testing.TB, algorithm string) signer {
	t.Helper()
	key, err := parsePrivateKey(vectors(t).Keys["test-key-1"].PKCS8)
	require.NoError(t, err)
	return signer{key, algorithm}
}

// verifies is the provider's side: the salt has exactly the length of the algorithm.
func verifies(key *rsa.PublicKey, algorithm, toSign, signature string) bool {
	sum := sha256.Sum256([]byte(toSign))
	raw, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && rsa.VerifyPSS(key, crypto.SHA256, sum[:], raw, &rsa.PSSOptions{SaltLength: saltLengths[algorithm], Hash: crypto.SHA256}) == nil
}

func (v requestVector) signed() (list []header) {
	for _, name := range strings.Split(v.SignedHeaders, ";") {
		list = append(list, header{name, v.Headers[name]})
	}
	return list
}

func TestRequestVectors(t *testing.T) {
	all := vectors(t)
	forged := 0
	for _, v := range all.Requests {
		t.Run(v.Name, func(t *testing.T) {
			s := testSigner(t, v.Algorithm)
			canonical := canonicalRequest(v.Method, v.Path, v.CanonicalQuery, v.signed(), []byte(v.Body))
			if v.CanonicalRequest != "" {
				require.Equal(t, v.CanonicalRequest, canonical)
				require.Equal(t, v.StringToSign, stringToSign(v.Algorithm, canonical))
			}
			require.Equal(t, v.ExpectVerify, verifies(&s.key.PublicKey, v.Algorithm, stringToSign(v.Algorithm, canonical), v.Signature))
			if !v.ExpectVerify {
				forged++
			}

			shuffled := v.signed()
			slices.Reverse(shuffled)
			require.Equal(t, canonical, canonicalRequest(v.Method, v.Path, v.CanonicalQuery, shuffled, []byte(v.Body)))
			got, err := s.authorization(v.PublicKeyID, canonical, v.signed())
			require.NoError(t, err)
			head, signature, found := strings.Cut(got, ", Signature=")
			require.True(t, found)
			require.True(t, strings.HasPrefix(v.Authorization, head+", Signature="), head)
			require.True(t, verifies(&s.key.PublicKey, v.Algorithm, stringToSign(v.Algorithm, canonical), signature))
		})
	}
	require.Equal(t, 3, forged)
}

func TestButtonVectors(t *testing.T) {
	for _, v := range vectors(t).Buttons {
		t.Run(v.Name, func(t *testing.T) {
			s := testSigner(t, v.Algorithm)
			require.Equal(t, v.StringToSign, stringToSign(v.Algorithm, v.PayloadJSON))
			require.True(t, verifies(&s.key.PublicKey, v.Algorithm, v.StringToSign, v.Signature))
			signature, err := s.sign(v.PayloadJSON)
			require.NoError(t, err)
			require.True(t, verifies(&s.key.PublicKey, v.Algorithm, v.StringToSign, signature))
			for other := range saltLengths {
				require.Equal(t, other == v.Algorithm, verifies(&s.key.PublicKey, other, v.StringToSign, signature), "the salt is that of %s alone", v.Algorithm)
			}
			require.False(t, verifies(&s.key.PublicKey, v.Algorithm, stringToSign(v.Algorithm, v.PayloadJSON+" "), signature), "the text counts, blanks too")
		})
	}
}

func smallKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	return key
}

func TestPrivateKeyFormats(t *testing.T) {
	key := vectors(t).Keys["test-key-1"]
	want, err := parsePrivateKey(key.PKCS8)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"PKCS#1":                  key.PKCS1,
		"PKCS#1 in one line":      strings.ReplaceAll(key.PKCS1, "\n", `\n`),
		"PKCS#8 in one line":      strings.ReplaceAll(key.PKCS8, "\n", `\n`),
		"with blanks around it":   "\n  " + key.PKCS8 + "\n",
		"with carriage returns":   strings.ReplaceAll(key.PKCS1, "\n", "\r\n"),
		"the key comes after it":  "# the key of the shop\n" + key.PKCS1,
		"two line breaks at once": strings.ReplaceAll(key.PKCS8, "\n", `\n`+"\n"),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsePrivateKey(text)
			require.NoError(t, err)
			require.True(t, want.Equal(got))
		})
	}
}

func TestPrivateKeysThatAreNone(t *testing.T) {
	key := vectors(t).Keys["test-key-1"]
	block, _ := pem.Decode([]byte(key.PKCS1))
	small := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(smallKey(t))})
	for name, text := range map[string]string{
		"nothing": "", "text": "private key", "a public key": key.Public, "cut": key.PKCS1[:len(key.PKCS1)/2],
		"half the bytes": string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes[:40]})),
		"too small":      string(small),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parsePrivateKey(text)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "MII", "no error shows a key")
		})
	}
}
