package api

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// codes is the one table from a member of a request to the code of what is wrong with it. An array index is *; what
// is not listed has the code of the object around it, and field_invalid at the end.
var codes = map[string]openapi.ProblemCode{
	"":                          openapi.ProblemCodeFieldInvalid,
	"/amount":                   openapi.ProblemCodeAmountInvalid,
	"/authorize_amount":         openapi.ProblemCodeAmountInvalid,
	"/save/recurring/amount":    openapi.ProblemCodeAmountInvalid,
	"/line_items/*/unit_amount": openapi.ProblemCodeAmountInvalid,
	"/currency":                 openapi.ProblemCodeCurrencyInvalid,
	"/merchant_reference":       openapi.ProblemCodeReferenceInvalid,
	"/reference":                openapi.ProblemCodeReferenceInvalid,
	"/description":              openapi.ProblemCodeDescriptionInvalid,
	"/reason":                   openapi.ProblemCodeDescriptionInvalid,
	"/evidence":                 openapi.ProblemCodeDescriptionInvalid,
	"/return_url":               openapi.ProblemCodeURLInvalid,
	"/cancel_url":               openapi.ProblemCodeURLInvalid,
	"/review_url":               openapi.ProblemCodeURLInvalid,
	"/url":                      openapi.ProblemCodeURLInvalid,
	"/event_types":              openapi.ProblemCodeEventUnknown,
	"/account":                  openapi.ProblemCodeAccountUnknown,
	"/buyer":                    openapi.ProblemCodeBuyerInvalid,
	"/billing_address":          openapi.ProblemCodeBuyerInvalid,
	"/shipping_address":         openapi.ProblemCodeBuyerInvalid,
	"/metadata":                 openapi.ProblemCodeMetadataInvalid,
}

// rules says what would have been right, per code.
var rules = map[openapi.ProblemCode]string{
	openapi.ProblemCodeFieldInvalid:       "The member does not have the form that the contract asks for.",
	openapi.ProblemCodeAmountInvalid:      "An amount is a whole, positive number of minor units, written in digits alone.",
	openapi.ProblemCodeAmountTooLarge:     "An amount is at most 999999999999999 minor units.",
	openapi.ProblemCodeCurrencyInvalid:    "A currency is a code of ISO 4217 in upper case.",
	openapi.ProblemCodeReferenceInvalid:   "A reference is 1 to 64 letters, digits, dots, underscores and hyphens.",
	openapi.ProblemCodeDescriptionInvalid: "The text is missing or too long, not a string, or has control characters.",
	openapi.ProblemCodeURLInvalid:         "An absolute address of 1 to 2000 characters is needed.",
	openapi.ProblemCodeEventUnknown:       "There is no such type of event.",
	openapi.ProblemCodeAccountUnknown:     "There is no such account.",
	openapi.ProblemCodeBuyerInvalid:       "The member does not have the form that the contract asks for.",
	openapi.ProblemCodeMetadataInvalid:    "Metadata has at most 50 members with names of 1 to 40 and strings of up to 500 characters, without control characters.",
}

// cardFree are members whose values are made by machines and may look like card numbers by chance, and the
// account number, which has check digits of its own.
var cardFree = map[string]bool{
	"/merchant_reference": true, "/reference": true, "/mandate": true, "/capture": true, "/authorization": true,
	"/account": true, "/events/*": true, "/operation": true, "/provider_reference": true, "/method/instrument/iban": true,
}

// patternOf is the pointer with * for array indexes.
func patternOf(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

// codeOf is the code for the member at pointer.
func codeOf(pointer string) openapi.ProblemCode {
	for pattern := patternOf(pointer); ; pattern = pattern[:strings.LastIndexByte(pattern, '/')] {
		if code, ok := codes[pattern]; ok {
			return code
		}
	}
}

// check notes every rule of the contract that the request breaks, except for members already noted.
func (f *filler) check(request any) {
	var broken validator.ValidationErrors
	errors.As(validate().Struct(request), &broken)
	noted := make(map[string]bool, len(f.problems))
	for _, p := range f.problems {
		noted[p.Pointer] = true
	}
	for _, b := range broken {
		at := pointerOf(b.Namespace())
		if noted[at] {
			continue
		}
		noted[at] = true
		code := codeOf(at)
		if code == openapi.ProblemCodeAmountInvalid && b.Tag() == "max" {
			code = openapi.ProblemCodeAmountTooLarge
		}
		name := reflect.TypeOf(request).Elem().Name()
		detail := detailOf(b, code, contract().member(name, at))
		if text, ok := wanted[name+at]; ok && b.Tag() != "max" && b.Tag() != "enum" && b.Tag() != "name" {
			detail = text
		} else if slices.Contains(f.missing, at) && b.Tag() != "enum" {
			detail = ruleTexts["required"]
		}
		f.refuse(code, at, detail)
	}
	for _, at := range f.missing { // its zero value breaks no rule
		if !noted[at] {
			f.refuse(codeOf(at), at, ruleTexts["required"])
		}
	}
}

// A settlement is either about what is in doubt or about what is only odd; whoever left something out is shown both.
const (
	settleDoubt = `{"operation": "cap_01JAZ0M3Q7W8E9R0T1Y2V3X4Z5", "verdict": "happened", "evidence": "Back office, transactions, 5 January 10:02, captured"}`
	settleOdd   = `{"acknowledge": true, "evidence": "Refunded by support, ticket 4711"}`
)

// wanted says, by request and member, what is missing where its name does not tell it.
var wanted = map[string]string{
	"ResolvePayment/operation": "The id of what is in doubt is needed, as doubts of the payment shows it: " + settleDoubt + "; when nothing is in doubt: " + settleOdd + ".",
	"ResolvePayment/verdict":   "What became of it is needed, happened or did_not_happen: " + settleDoubt + "; when nothing is in doubt: " + settleOdd + ".",
	"ResolvePayment/evidence":  "Say in 1 to 2000 characters where this was seen: " + settleDoubt + " or " + settleOdd + ".",
}

// ruleTexts say what a rule of the validator wants, where the code of the member does not say it already.
var ruleTexts = map[string]string{
	"email":                          "An e-mail address is needed.",
	"phone":                          "A telephone number has 3 to 20 digits, blanks and the characters + ( ) / . -.",
	"ip":                             "An IPv4 or IPv6 address is needed.",
	"bcp47_language_tag":             "A language tag such as en-AE is needed.",
	"iso3166_1_alpha2":               "A country of ISO 3166-1 in two upper-case letters, such as AE, is needed.",
	"iban":                           "An IBAN without blanks and with right check digits is needed.",
	"option":                         "1 to 32 of a-z, 0-9 and _ are needed.",
	"name":                           "1 to 64 letters, digits, dots, underscores and hyphens are needed.",
	"reference":                      "1 to 64 letters, digits, dots, underscores and hyphens are needed.",
	"required":                       "The member is missing.",
	"required_if":                    "The member is missing; it is needed with %s.",
	"required_with":                  "The member is missing; it is needed with %s.",
	"required_without":               "The member is missing; it is needed without %s.",
	"excluded_unless":                "The member goes only with %s.",
	"excluded_with":                  "The member does not go with %s.",
	"min":                            "At least %s is needed.",
	"gt":                             "More than %s is needed.",
	"max":                            "At most %s is possible.",
	"max " + reflect.String.String(): "At most %s characters are possible.",
	"max " + reflect.Slice.String():  "At most %s items are possible.",
}

// general are the codes whose members have nothing but the code in common.
var general = map[openapi.ProblemCode]bool{openapi.ProblemCodeFieldInvalid: true, openapi.ProblemCodeBuyerInvalid: true}

// detailOf says what would have been right at a member that breaks rule b; s is its place in the contract.
func detailOf(b validator.FieldError, code openapi.ProblemCode, s *schema) string {
	if values := s.values(); b.Tag() == "enum" && values != "" {
		return "One of these is needed: " + values + "."
	}
	if b.Tag() == "ltefield" {
		return "It is more than the amount of the payment."
	}
	if !general[code] {
		return rules[code]
	}
	text, ok := ruleTexts[b.Tag()+" "+b.Kind().String()]
	if !ok {
		text, ok = ruleTexts[b.Tag()]
	}
	switch {
	case !ok:
		return rules[code]
	case conditions[b.Tag()]:
		return fmt.Sprintf(text, others(b.Tag(), b.Param()))
	case strings.Contains(text, "%s"):
		return fmt.Sprintf(text, b.Param())
	}
	return text
}

// conditions are the rules whose parameters are other members of the same object, the first two with the value they have.
var conditions = map[string]bool{"required_if": true, "excluded_unless": true, "required_with": true, "required_without": true, "excluded_with": true}

// others are the members that rule tag of another one depends on, as the contract writes them: "kind recurring", "from or to".
func others(tag, param string) string {
	parts := strings.Fields(param)
	if tag == "required_if" || tag == "excluded_unless" {
		return memberName(parts[0]) + " " + parts[1]
	}
	for i, part := range parts {
		parts[i] = memberName(part)
	}
	return strings.Join(parts, " or ")
}

// memberName is the name in JSON of a field of the generated types: off_session of OffSession, iban of IBAN.
func memberName(field string) string {
	if field == strings.ToUpper(field) {
		return strings.ToLower(field)
	}
	return strings.ToLower(wordStart.ReplaceAllString(field, "_$0")[1:])
}

var wordStart = regexp.MustCompile(`[A-Z]`)

// pointerOf turns a namespace of the validator, such as CreatePayment.line_items[0].name, into a JSON pointer.
// Only the last part can be a name that the caller chose, and that one may have dots and brackets in it.
func pointerOf(namespace string) string {
	_, rest, _ := strings.Cut(namespace, ".")
	pointer := ""
	for rest != "" {
		end := strings.IndexAny(rest, ".[")
		switch {
		case end < 0:
			return pointer + "/" + rest
		case rest[end] == '.':
			pointer, rest = pointer+"/"+rest[:end], rest[end+1:]
		default:
			pointer += "/" + rest[:end]
			index, after, _ := strings.Cut(rest[end+1:], "]")
			if _, err := strconv.Atoi(index); err != nil || after != "" && after[0] != '.' {
				return pointTo(pointer, strings.TrimSuffix(rest[end+1:], "]"))
			}
			pointer, rest = pointer+"/"+index, strings.TrimPrefix(after, ".")
		}
	}
	return pointer
}

var (
	givenReference = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	givenOption    = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	givenPhone     = regexp.MustCompile(`^\+?[0-9 ()/.-]{3,20}$`)
	givenIBAN      = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
)

// validate is the one validator of requests; it knows the rules that openapi.yaml names and the library has not.
var validate = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	for tag, holds := range map[string]func(string) bool{
		"reference": givenReference.MatchString,
		"name":      givenReference.MatchString, // ids and names of ours have the same alphabet
		"option":    givenOption.MatchString,
		"phone":     givenPhone.MatchString,
		"iban":      func(s string) bool { return givenIBAN.MatchString(s) && ibanChecks(s) },
		"currency":  func(s string) bool { _, ok := core.Exponent(s); return ok },
	} {
		mustRegister(v, tag, func(l validator.FieldLevel) bool { return holds(l.Field().String()) })
	}
	mustRegister(v, "enum", func(l validator.FieldLevel) bool {
		value, ok := l.Field().Interface().(interface{ Valid() bool })
		return ok && value.Valid()
	})
	return v
})

func mustRegister(v *validator.Validate, tag string, rule validator.Func) {
	if err := v.RegisterValidation(tag, rule); err != nil {
		panic(err) // only an empty or reserved tag fails
	}
}

// ibanChecks reports whether the number behind the first four characters, with those moved to the end and letters
// read as 10 to 35, leaves 1 when divided by 97 (ISO 13616).
func ibanChecks(iban string) bool {
	rest := 0
	for _, c := range iban[4:] + iban[:4] {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}
