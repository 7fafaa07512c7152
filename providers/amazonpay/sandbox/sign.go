package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// saltLengths are the algorithms a request or a button may be signed with. The salt must have exactly this length.
var saltLengths = map[string]int{"AMZN-PAY-RSASSA-PSS": 20, "AMZN-PAY-RSASSA-PSS-V2": 32}

// legacyAlgorithm is what a button without an algorithm is signed with.
const legacyAlgorithm = "AMZN-PAY-RSASSA-PSS"

// authorization is the Authorization header of a request.
type authorization struct {
	algorithm, keyID, signed, signature string
}

// parseAuthorization reads "ALGORITHM PublicKeyId=…, SignedHeaders=…, Signature=…". Blanks around the commas and the
// order of the parameters do not matter; a doubled or unknown one is refused.
func parseAuthorization(header string) (authorization, bool) {
	algorithm, rest, found := strings.Cut(strings.TrimSpace(header), " ")
	a := authorization{algorithm: algorithm}
	if !found {
		return a, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, content, _ := strings.Cut(strings.TrimSpace(part), "=")
		var into *string
		switch name {
		case "PublicKeyId":
			into = &a.keyID
		case "SignedHeaders":
			into = &a.signed
		case "Signature":
			into = &a.signature
		default:
			return a, false
		}
		if *into != "" || content == "" {
			return a, false
		}
		*into = content
	}
	_, known := saltLengths[a.algorithm]
	return a, known && a.keyID != "" && a.signed != "" && a.signature != ""
}

// neverUnsigned are the headers that a signature must cover; the rest is the caller's choice. (The minimum is ours.)
var neverUnsigned = []string{"x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-region"}

// canonicalRequest rebuilds what was signed from exactly the headers that the request lists, in its order; the list is
// copied as it was written, for the Node SDK signs the caller's spelling of a name. ok is false when a header is listed
// that is not there, or one that must be signed is not listed.
func canonicalRequest(r *http.Request, path string, body []byte, signed string) (text string, ok bool) {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	var names []string
	for name := range strings.SplitSeq(signed, ";") {
		lower := strings.ToLower(name)
		content, present := headerText(r, lower)
		if !present || slices.Contains(names, lower) {
			return "", false
		}
		names = append(names, lower)
		b.WriteString(lower + ":" + content + "\n")
	}
	for _, name := range neverUnsigned {
		if !slices.Contains(names, name) {
			return "", false
		}
	}
	sum := sha256.Sum256(body)
	b.WriteString("\n" + signed + "\n" + hex.EncodeToString(sum[:]))
	return b.String(), true
}

// headerText is a header's value as it is signed; Go keeps the host and the length of a request apart.
func headerText(r *http.Request, lower string) (string, bool) {
	if lower == "host" {
		return r.Host, true
	}
	values := r.Header.Values(lower)
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return strings.Join(values, ","), len(values) > 0
}

// canonicalQuery sorts by name and encodes names and values anew, so that the SDKs' ways of writing one value agree.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		name, content, _ := strings.Cut(part, "=")
		n, errName := url.QueryUnescape(name)
		v, errValue := url.QueryUnescape(content)
		if errName != nil || errValue != nil {
			return raw // cannot have been signed like this
		}
		pairs = append(pairs, pair{percent(n), bareAsSent(percent(v), content)})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.name+"\x00"+a.value, b.name+"\x00"+b.value) })
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// bareAsSent undoes the encoding of what JavaScript leaves bare, where the request has it bare: the Node SDK signs it so.
func bareAsSent(encoded, sent string) string {
	for bare, code := range map[string]string{"!": "%21", "'": "%27", "(": "%28", ")": "%29", "*": "%2A"} {
		if strings.Contains(sent, bare) {
			encoded = strings.ReplaceAll(encoded, code, bare)
		}
	}
	return encoded
}

// percent encodes all but letters, digits and -_.~ (RFC 3986).
func percent(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// stringToSign is the text under the signature of a canonical request or of a button's payload.
func stringToSign(algorithm, text string) string {
	sum := sha256.Sum256([]byte(text))
	return algorithm + "\n" + hex.EncodeToString(sum[:])
}

// verifies checks a signature with the one salt length of its algorithm.
func verifies(key *rsa.PublicKey, algorithm, text, signature string) bool {
	salt, known := saltLengths[algorithm]
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	if !known || err != nil {
		return false
	}
	sum := sha256.Sum256([]byte(stringToSign(algorithm, text)))
	return rsa.VerifyPSS(key, crypto.SHA256, sum[:], raw, &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}) == nil
}
