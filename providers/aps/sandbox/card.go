package sandbox

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var holderPattern = regexp.MustCompile(`^[\p{L}\p{M}' .-]{2,50}$`)

// enterCard takes the card page: a card, a saved card's code, or another option. It says whether a try follows.
// What is wrong with the input is shown beside it and is no try.
func (s *Server) enterCard(sess *session, in map[string]string) bool {
	sess.problem, sess.wrong = "", map[string]string{}
	switch action := in["action"]; action {
	case "cancel":
		s.end(sess, stored(sess.fields, "", statusInvalid+msgCancelled))
		return false
	case "continue":
	default:
		return false
	}
	if option := in["payment_option"]; option != "" && option != "CARD" {
		if !slices.Contains(offered(sess.account, sess.fields["command"], sess.fields["currency"]), option) || sess.fields["payment_option"] != "" {
			sess.wrong["payment_option"] = "wrong_option"
			return false
		}
		sess.stage, sess.waiting = stageOption, instrument{option: option, verdict: approved}
		return false
	}
	card, with, ok := s.readCard(sess, in)
	if !ok {
		return false
	}
	sess.waiting = with
	if card.Challenge && sess.fields["check_3ds"] != "NO" {
		sess.stage = stageChallenge
		return false
	}
	return true
}

// readCard checks the card fields. Only test cards are taken: a real number is refused, not kept.
func (s *Server) readCard(sess *session, in map[string]string) (testCard, instrument, bool) {
	sess.entered = map[string]string{"card_holder_name": in["card_holder_name"], "expiry_date": in["expiry_date"], "remember_me": in["remember_me"]}
	saved := s.savedCard(sess)
	number := digitsOf(in["card_number"])
	with := instrument{}
	if saved != nil {
		with, number = saved.card, saved.number
	}
	card, known := findCard(number)
	wanted := sess.fields["payment_option"]
	switch {
	case !known:
		sess.wrong["card_number"] = "card_unknown"
	case !card.fits(sess.fields["command"], sess.fields["currency"]) || !sess.account.active(card.Option):
		sess.wrong["card_number"] = "card_unfit"
	case wanted != "" && wanted != card.Option:
		sess.wrong["card_number"] = "card_other"
	}
	if saved == nil {
		with.expiry = s.readExpiry(sess, in["expiry_date"])
		with.holder = strings.TrimSpace(in["card_holder_name"])
		if !holderPattern.MatchString(with.holder) {
			sess.wrong["card_holder_name"] = "wrong_holder"
		}
	}
	if code := in["card_security_code"]; code == "" || known && (len(code) != len(card.CVV) || digitsOf(code) != code) {
		sess.wrong["card_security_code"] = "wrong_code"
	}
	if len(sess.wrong) > 0 {
		return card, with, false
	}
	if saved == nil {
		with.option, with.number, with.bin = card.Option, masked(card.Number), card.Number[:6]
		with.token = s.tokenFor(sess, in["remember_me"] == "YES")
	}
	with.verdict = card.verdict
	return card, with, true
}

// readExpiry accepts YYMM as on the wire and MM/YY as printed on cards; four digits are read as YYMM
// where that is a date, else as MMYY. The result is YYMM.
func (s *Server) readExpiry(sess *session, text string) string {
	yymm, ok := expiryOf(text)
	switch {
	case !ok:
		sess.wrong["expiry_date"] = "wrong_expiry"
	case yymm < s.sim.Clock.Now().UTC().Format("0601"):
		sess.wrong["expiry_date"] = "expired"
	}
	return yymm
}

func expiryOf(text string) (yymm string, ok bool) {
	compact := strings.ReplaceAll(text, " ", "")
	if month, year, slash := strings.Cut(compact, "/"); slash {
		compact = year + month
		if len(year) == 4 {
			compact = year[2:] + month
		}
	}
	if digitsOf(compact) != compact || len(compact) != 4 {
		return "", false
	}
	for _, candidate := range []string{compact, compact[2:] + compact[:2]} {
		if _, err := time.Parse("0601", candidate); err == nil {
			return candidate, true
		}
	}
	return "", false
}

// tokenFor is the name the card is kept under after success, or none: the merchant's wish before the buyer's,
// and the merchant's name if it sent one.
func (s *Server) tokenFor(sess *session, ticked bool) string {
	wish := sess.fields["remember_me"]
	if sess.account.WithoutTokens || wish == "NO" {
		return ""
	}
	if name := sess.fields["token_name"]; name != "" {
		return name
	}
	if wish == "YES" || ticked {
		return s.sim.Random.Hex(16)
	}
	return ""
}

// saved is a kept card as the page needs it.
type saved struct {
	card   instrument
	number string
}

// savedCard is the active card of the request's token_name, or nil: an unknown name will name a new card.
func (s *Server) savedCard(sess *session) *saved {
	t := s.books.tokens[key(sess.account.MerchantIdentifier, sess.fields["token_name"])]
	if sess.fields["token_name"] == "" || t == nil || !t.active {
		return nil
	}
	for _, c := range testCards {
		if masked(c.Number) == t.card.number {
			return &saved{card: t.card, number: c.Number}
		}
	}
	return nil
}

func digitsOf(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, text)
}
