package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
)

// readTerms makes the terms of a new session from a body of the given shape.
func readTerms(body []byte, o object, s shape, a *Account, e Environment) (terms, *refusal) {
	if no := s.check(o, e); no != nil {
		return terms{}, no
	}
	t := terms{}
	if no := t.change(body); no != nil {
		return terms{}, no
	}
	if no := a.knowsStore(t.StoreID); no != nil {
		return terms{}, no
	}
	return t, t.check(a)
}

// change overwrites what the body names. The body must have passed a shape.
func (t *terms) change(body []byte) *refusal {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, t); err != nil {
		return refuse(http.StatusBadRequest, "InvalidRequest", "The request is not understood: %v.", err)
	}
	return nil
}

// check holds the terms, as they are after a change, against the rules between fields.
func (t *terms) check(a *Account) *refusal {
	d := t.PaymentDetails
	if c := value(d.PresentmentCurrency); c != "" && !a.accepts(c) {
		return invalidValue("paymentDetails.presentmentCurrency")
	}
	for _, p := range []struct {
		name  string
		price *price
	}{{"chargeAmount", d.ChargeAmount}, {"totalOrderAmount", d.TotalOrderAmount}, {"estimateOrderTotal", d.EstimateOrderTotal}} {
		switch {
		case p.price == nil:
		case !a.accepts(p.price.CurrencyCode):
			return invalidValue("paymentDetails." + p.name + ".currencyCode")
		case d.ChargeAmount != nil && p.price.CurrencyCode != d.ChargeAmount.CurrencyCode:
			return otherCurrency("paymentDetails." + p.name)
		case p.price.minor() > highestTransaction(p.price.CurrencyCode) && p.name == "chargeAmount":
			return tooMuch("paymentDetails." + p.name)
		}
	}
	intent := value(d.PaymentIntent)
	switch {
	case d.TotalOrderAmount != nil && d.ChargeAmount != nil && d.TotalOrderAmount.minor() < d.ChargeAmount.minor():
		return invalidValue("paymentDetails.totalOrderAmount.amount")
	case holds(d.CanHandlePendingAuthorization) && intent == authorizeWithCapture:
		return wrongCombination("canHandlePendingAuthorization cannot be true with paymentIntent AuthorizeWithCapture.")
	case isSet(d.SoftDescriptor) && intent != "" && intent != authorizeWithCapture:
		return wrongCombination("softDescriptor goes with paymentIntent AuthorizeWithCapture only.")
	case t.PaymentMethodOnFileMetadata != nil && value(t.ChargePermissionType) != onFile:
		return wrongCombination("paymentMethodOnFileMetadata goes with chargePermissionType PaymentMethodOnFile only.")
	case t.RecurringMetadata != nil && value(t.ChargePermissionType) != recurring:
		return wrongCombination("recurringMetadata goes with chargePermissionType Recurring only.")
	}
	return t.RecurringMetadata.check(a)
}

// check holds how often and how much against each other; nil is fine.
func (m *recurringMetadata) check(a *Account) *refusal {
	if m == nil {
		return nil
	}
	if m.Amount != nil && !a.accepts(m.Amount.CurrencyCode) {
		return invalidValue("recurringMetadata.amount.currencyCode")
	}
	if m.Frequency == nil {
		return nil
	}
	number := m.Frequency.Value
	isNumber := number != "" && len(number) <= 4 && !slices.ContainsFunc([]rune(number), func(c rune) bool { return c < '0' || c > '9' })
	if !isNumber || (number == "0") != (m.Frequency.Unit == "Variable") {
		return invalidValue("recurringMetadata.frequency.value")
	}
	return nil
}
