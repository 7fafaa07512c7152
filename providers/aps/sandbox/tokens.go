package sandbox

import (
	"maps"
	"time"
)

var recurOptional = oneOf("agreement_id customer_ip return_url order_description customer_name phone_number settlement_reference payment_option " +
	"merchant_extra merchant_extra1 merchant_extra2 merchant_extra3 merchant_extra4 merchant_extra5 statement_descriptor remember_me " +
	"recurring_mode recurring_transactions_count recurring_expiry_date recurring_days_between_payments " +
	"app_programming app_framework app_ver app_plugin app_plugin_version")

// recur charges a saved card without the buyer. Only eci RECURRING is offered: other server purchases handle card data.
func (s *Server) recur(c *call) string {
	t := s.books.tokens[key(c.account.MerchantIdentifier, c.fields["token_name"])]
	refuse := func(message, detail string) string {
		c.detail = detail
		return statusInvalid + message
	}
	switch {
	case c.fields["eci"] != "RECURRING":
		return refuse(msgValue, "eci")
	case c.account.WithoutTokens:
		return refuse(msgTokenService, "the tokenization service is off")
	case t == nil || !t.active:
		return refuse(msgTokenUnknown, "token_name is unknown or inactive")
	case c.fields["agreement_id"] != "" && c.fields["agreement_id"] != t.agreement:
		return refuse(msgValue, "agreement_id is not the saved card's")
	}
	if no := s.reusable(c.account, c.fields["merchant_reference"]); no != nil {
		c.detail = no.detail
		return no.code
	}
	with := t.card
	with.verdict = approved
	if with.expiry < s.sim.Clock.Now().UTC().Format("0601") {
		with.verdict = verdict{message: msgCardExpired, acquirer: "54"}
	}
	answer, messages := s.charge(c.account, c.fields, with, byAPI, c.alter)
	c.answer, c.messages, c.alter = answer, messages, "" // charge has altered it
	return answer["response_code"]
}

// updateToken changes a saved card: its name, expiry, holder or whether it can be used.
func (s *Server) updateToken(c *call) string {
	merchant, name := c.account.MerchantIdentifier, c.fields["token_name"]
	t := s.books.tokens[key(merchant, name)]
	renamed := c.fields["new_token_name"]
	refuse := func(message, detail string) string {
		c.detail = detail
		return statusTokenNotUpdated + message
	}
	switch {
	case c.account.WithoutTokens:
		return refuse(msgTokenService, "the tokenization service is off")
	case t == nil:
		return refuse(msgTokenUnknown, "token_name")
	case renamed != "" && s.books.tokens[key(merchant, renamed)] != nil:
		return refuse(msgTokenExists, "new_token_name")
	}
	if expiry := c.fields["expiry_date"]; expiry != "" {
		if _, err := time.Parse("0601", expiry); err != nil {
			return refuse(msgFormat, "expiry_date")
		}
		t.card.expiry = expiry
	}
	if status := c.fields["token_status"]; status != "" {
		t.active = status == "ACTIVE"
	}
	if holder := c.fields["card_holder_name"]; holder != "" {
		t.card.holder = holder
	}
	if renamed != "" {
		delete(s.books.tokens, key(merchant, name))
		t.name, t.card.token = renamed, renamed
		s.books.tokens[key(merchant, renamed)] = t
	}
	maps.Copy(c.answer, map[string]string{
		"card_number": t.card.number, "expiry_date": t.card.expiry, "card_brand": t.card.option, "card_bin": t.card.bin,
		"creation_date": t.created.UTC().Format("2006-01-02T15:04:05-07:00"), "token_status": tokenStatus(t),
	})
	return statusTokenUpdated + msgSuccess
}

func tokenStatus(t *token) string {
	if t.active {
		return "ACTIVE"
	}
	return "INACTIVE"
}
