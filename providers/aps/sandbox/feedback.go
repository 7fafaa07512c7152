package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// feedback makes the message about an order in the account's format, or none without an address.
func (s *Server) feedback(o *order, address string, fields map[string]string) []simulator.Message {
	if address == "" {
		return nil
	}
	fields = signed(o.account, maps.Clone(fields))
	forged := maps.Clone(fields)
	forged["response_code"], forged["status"], forged["response_message"] = "14000", statusPurchased, "Success"
	if forged["amount"] != "" {
		forged["amount"] += "0"
	}
	kind := fields["command"] + " " + fields["response_code"]
	contentType, encode := "application/json", s.encodeJSON
	if o.account.FeedbackFormat == FeedbackForm {
		contentType, encode = "application/x-www-form-urlencoded", s.encodeForm
	}
	return []simulator.Message{{
		Payment: key(o.account.MerchantIdentifier, o.reference), Kind: kind, URL: address,
		ContentType: contentType, Body: encode(fields), Forged: encode(forged),
	}}
}

// shuffled are the field names in a drawn order: APS promises none.
func (s *Server) shuffled(fields map[string]string) []string {
	names := slices.Sorted(maps.Keys(fields))
	s.sim.Random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

func (s *Server) encodeForm(fields map[string]string) []byte {
	var pairs []string
	for _, name := range s.shuffled(fields) {
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(fields[name]))
	}
	return []byte(strings.Join(pairs, "&"))
}

func (s *Server) encodeJSON(fields map[string]string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, name := range s.shuffled(fields) {
		if i > 0 {
			b.WriteByte(',')
		}
		_ = encoder.Encode(name) // text always encodes
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		_ = encoder.Encode(fields[name])
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes()
}
