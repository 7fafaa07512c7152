package amazonpay

import (
	"github.com/paymux/paymux/core"
)

// reason is what one of Amazon's codes means to a merchant.
type reason struct {
	category, advice, text string
	decline                bool // of the money, by issuer or Amazon; the others are about the request or the object
}

// reasons are the codes of refusals, of declined and canceled objects, and of permissions that cannot be charged. The set
// is open on Amazon's side: one that is not here says no more than that it was refused.
// Source: Amazon Pay, manage errors; state and reason codes of checkout session, charge permission, charge and refund.
var reasons = map[string]reason{
	// Declines.
	"SoftDeclined":            {core.FailureDeclinedSoft, core.RetrySameProvider, "the payment was declined; it may work later or with another instrument", true},
	"HardDeclined":            {core.FailureDeclinedHard, core.RetryAfterBuyerAction, "the payment was declined; the buyer has to choose another instrument", true},
	"Declined":                {core.FailureDeclinedHard, core.RetryAfterBuyerAction, "the payment was declined on Amazon's page", true},
	"AmazonRejected":          {core.FailureFraud, core.RetryOtherProvider, "Amazon does not take the payment", true},
	"TransactionTimedOut":     {core.FailureDeclaredTimeout, core.RetryLater, "the issuer did not decide in time", true},
	"ProcessingFailure":       {core.FailureDeclaredTimeout, core.RetryLater, "Amazon could not process it; it may be tried again", true},
	"PaymentMethodNotAllowed": {core.FailureInstrument, core.RetryAfterBuyerAction, "the buyer's instrument is not taken here", true},
	"MFANotCompleted":         {core.FailureAuthentication, core.RetryAfterBuyerAction, "the buyer did not prove who he is", true},
	"MFAFailed":               {core.FailureAuthentication, core.RetryAfterBuyerAction, "the buyer did not prove who he is", true},

	// How sessions, permissions and charges end.
	"BuyerCanceled":            {core.FailureBuyerCanceled, core.RetryAfterBuyerAction, "the buyer canceled", false},
	"BuyerClosed":              {core.FailureBuyerCanceled, core.RetryAfterBuyerAction, "the buyer ended the agreement", false},
	"AmazonCanceled":           {core.FailureRejected, core.RetryOtherProvider, "Amazon canceled", false},
	"AmazonClosed":             {core.FailureRejected, core.RetryNever, "everything of the agreement was charged", false},
	"MerchantCanceled":         {core.FailureRejected, core.RetryNever, "it was canceled by the merchant", false},
	"MerchantClosed":           {core.FailureRejected, core.RetryNever, "it was closed by the merchant", false},
	"Expired":                  {core.FailureExpired, core.RetryAfterBuyerAction, "its time is over", false},
	"ExpiredUnused":            {core.FailureExpired, core.RetryAfterBuyerAction, "it was not captured in time", false},
	"ChargePermissionCanceled": {core.FailureRejected, core.RetryAfterBuyerAction, "the agreement it belongs to was canceled", false},

	// Permissions that cannot be charged at present.
	"PaymentMethodInvalid":  {core.FailureInstrument, core.RetryAfterBuyerAction, "the buyer's instrument is not valid any more", false},
	"PaymentMethodDeleted":  {core.FailureInstrument, core.RetryAfterBuyerAction, "the buyer removed the instrument", false},
	"PaymentMethodExpired":  {core.FailureInstrument, core.RetryAfterBuyerAction, "the buyer's instrument has expired", false},
	"PaymentMethodNotSet":   {core.FailureInstrument, core.RetryAfterBuyerAction, "the buyer has no instrument", false},
	"BillingAddressDeleted": {core.FailureInstrument, core.RetryAfterBuyerAction, "the buyer removed the billing address", false},
	"ChargeInProgress":      {core.FailureRejected, core.RetryLater, "another charge of the agreement is not settled yet", false},
	"AmountNotSet":          {core.FailureConfiguration, core.RetryNever, "the agreement has no amount", false},

	// Limits.
	"TransactionAmountExceeded": {core.FailureLimit, core.RetryNever, "it is more than the buyer agreed to, or than may be refunded", false},
	"PeriodicAmountExceeded":    {core.FailureLimit, core.RetryLater, "the buyer's limit of this month is used up", false},
	"TransactionCountExceeded":  {core.FailureLimit, core.RetryNever, "no more charges or refunds are possible", false},

	// The state of an object does not allow it.
	"InvalidCheckoutSessionStatus":  {core.FailureRejected, core.RetryAfterBuyerAction, "the checkout session does not allow it now", false},
	"CheckoutSessionCanceled":       {core.FailureRejected, core.RetryAfterBuyerAction, "the checkout session was canceled", false},
	"InvalidChargePermissionStatus": {core.FailureRejected, core.RetryAfterBuyerAction, "the buyer's agreement cannot be charged", false},
	"ChargePermissionNotModifiable": {core.FailureRejected, core.RetryNever, "the buyer's agreement cannot be changed any more", false},
	"InvalidChargeStatus":           {core.FailureRejected, core.RetryNever, "the charge does not allow it now", false},
	"ResourceNotFound":              {core.FailureRejected, core.RetryNever, "Amazon does not know the object", false},

	// Requests that Amazon does not take: a defect here or in the account.
	"AmountMismatch":                    {core.FailureConfiguration, core.RetryNever, "the amount is not the one the buyer confirmed", false},
	"CurrencyMismatch":                  {core.FailureConfiguration, core.RetryNever, "the currency is not that of the checkout", false},
	"DuplicateIdempotencyKey":           {core.FailureDuplicate, core.RetryNever, "the key was used for another request", false},
	"InvalidParameterValue":             {core.FailureConfiguration, core.RetryNever, "a value is not taken", false},
	"InvalidParameterCombination":       {core.FailureConfiguration, core.RetryNever, "the values do not go together", false},
	"MissingParameterValue":             {core.FailureConfiguration, core.RetryNever, "a value is missing", false},
	"UnrecognizedField":                 {core.FailureConfiguration, core.RetryNever, "a field is not taken", false},
	"InvalidHeaderValue":                {core.FailureConfiguration, core.RetryNever, "a header is not taken", false},
	"MissingHeader":                     {core.FailureConfiguration, core.RetryNever, "a header is missing", false},
	"MissingHeaderValue":                {core.FailureConfiguration, core.RetryNever, "a header is empty", false},
	"InvalidRequest":                    {core.FailureConfiguration, core.RetryNever, "the request is not taken", false},
	"InvalidRequestFormat":              {core.FailureConfiguration, core.RetryNever, "the request cannot be read", false},
	"InvalidAPIVersion":                 {core.FailureConfiguration, core.RetryNever, "the version of the API is not known", false},
	"InvalidSandboxSimulationSpecified": {core.FailureConfiguration, core.RetryNever, "the simulation is not possible here", false},
	"UnsupportedOperation":              {core.FailureConfiguration, core.RetryNever, "the operation is not known", false},
	"RequestNotSupported":               {core.FailureConfiguration, core.RetryNever, "the operation is not known", false},
	"UnauthorizedAccess":                {core.FailureConfiguration, core.RetryOtherProvider, "the account may not do this", false},
	"InvalidAuthentication":             {core.FailureConfiguration, core.RetryOtherProvider, "the key of the account is not known", false},
	"InvalidRequestSignature":           {core.FailureConfiguration, core.RetryOtherProvider, "the signature of the account is not taken", false},
	"InvalidAccountStatus":              {core.FailureConfiguration, core.RetryOtherProvider, "the account at Amazon is not open", false},
	"InvalidAuthorizationToken":         {core.FailureConfiguration, core.RetryOtherProvider, "the account may not do this", false},
	"TLSVersionNotSupported":            {core.FailureConfiguration, core.RetryOtherProvider, "the connection is not taken", false},
}

// credentials are the codes that refuse the key or the account itself, whatever is asked; so is a header that is not taken, for
// they are the same in every call: another region than that of the contract is refused so. UnauthorizedAccess is none of them:
// it is also said of one operation that the account may not do.
var credentials = map[string]bool{"InvalidRequestSignature": true, "InvalidAuthentication": true, "InvalidAccountStatus": true, "InvalidAuthorizationToken": true,
	"InvalidHeaderValue": true}

// failureOf is why something was refused, in our words; what Amazon writes beside its code may repeat what was sent.
func failureOf(code string) *core.Failure {
	r, ok := reasons[code]
	if !ok {
		return &core.Failure{Category: core.FailureRejected, RetryAdvice: core.RetryOtherProvider, ProviderCode: shownCode(code)}
	}
	return &core.Failure{Category: r.category, RetryAdvice: r.advice, ProviderCode: code, ProviderMessage: r.text}
}

// shownCode is a code of Amazon's as people may see it: letters and digits.
func shownCode(code string) string {
	if !identifier.MatchString(code) {
		return "unreadable"
	}
	return code
}

// failure is the refusal in our words.
func (r *refusal) failure() *core.Failure { return failureOf(r.Code) }

// openOnRepetition are the refusals that the first of two calls can have brought about itself: what it did is in the way
// of the second. The key should have kept them apart; where it did not, the second proves nothing about the first.
var openOnRepetition = map[string]bool{
	"InvalidChargeStatus": true, "InvalidChargePermissionStatus": true, "TransactionAmountExceeded": true,
	"TransactionCountExceeded": true, "PeriodicAmountExceeded": true, "ChargePermissionNotModifiable": true,
}

// decides reports whether a refusal proves that nothing came of op. A key that was used for another request is a
// defect of this program, and a person has to look.
func (r *refusal) decides(op core.Op) bool {
	return r.Code != "DuplicateIdempotencyKey" && (op.Try <= 1 || !openOnRepetition[r.Code])
}
