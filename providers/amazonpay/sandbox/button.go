package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// button is what Amazon's script hands over when the buyer clicks.
type button struct {
	MerchantID  string
	PublicKeyID string
	ProductType string // PayAndShip, PayOnly, SignIn, PayAndShipMultiAddress; empty: PayAndShip
	PayloadJSON string // the very text that was signed
	Signature   string
	Algorithm   string // empty: the legacy one
	Sandbox     bool   // the environment of a plain key; a key with a prefix has its own
}

// signInTerms are the payload of a button that only signs in.
type signInTerms struct {
	SignInReturnURL *string  `json:"signInReturnUrl"`
	SignInCancelURL *string  `json:"signInCancelUrl"`
	StoreID         *string  `json:"storeId"`
	SignInScopes    []string `json:"signInScopes"`
}

// entrance is what a click opened: a session, or a sign-in without one.
type entrance struct {
	owner
	account *Account
	session *session     // nil when the button only signs in
	signIn  *signInTerms // nil otherwise
}

// openFromButton verifies a button and opens what it asks for. A refusal has the error code and message of the page that
// developers see. The caller holds the lock.
func (s *Server) openFromButton(b button) (entrance, *refusal) {
	account, environment, no := s.buttonOwner(b)
	if no != nil {
		return entrance{}, no
	}
	in := entrance{owner: owner{account.MerchantID, environment}, account: account}
	o, err := parseObject([]byte(b.PayloadJSON))
	if err != nil {
		return entrance{}, refuse(http.StatusBadRequest, "InvalidRequestFormat", "The payload is not a JSON object: %v.", err)
	}
	if b.ProductType == signIn && o["chargePermissionType"] == nil && o["webCheckoutDetails"] == nil {
		if no := signInPayload.check(o, environment); no != nil {
			return entrance{}, no
		}
		in.signIn = &signInTerms{}
		if err := json.Unmarshal([]byte(b.PayloadJSON), in.signIn); err != nil {
			return entrance{}, refuse(http.StatusBadRequest, "InvalidRequestFormat", "The payload is not understood: %v.", err)
		}
		return in, account.knowsStore(in.signIn.StoreID)
	}
	t, no := readTerms([]byte(b.PayloadJSON), o, buttonPayload, account, environment)
	if no != nil {
		return entrance{}, no
	}
	if b.ProductType == "" {
		b.ProductType = payAndShip
	}
	if no := s.checkButton(t, b.ProductType, in.owner); no != nil {
		return entrance{}, no
	}
	in.session = s.openSession(account, environment, t, b.ProductType)
	in.session.fromButton = true
	return in, nil
}

// buttonOwner finds out whose button it is, and that he signed it.
func (s *Server) buttonOwner(b button) (*Account, Environment, *refusal) {
	key, account := s.keys[b.PublicKeyID], s.keyOwners[b.PublicKeyID]
	switch {
	case key == nil:
		return nil, "", refuse(http.StatusForbidden, "InvalidAuthentication", "The public key id [%s] is unknown.", b.PublicKeyID)
	case account.MerchantID != b.MerchantID:
		return nil, "", refuse(http.StatusBadRequest, "InvalidParameterValue", "The value provided for [merchantId] is invalid.")
	case account.Suspended:
		return nil, "", refuse(http.StatusForbidden, "InvalidAccountStatus", "The merchant account [%s] cannot take payments.", account.MerchantID)
	case !slices.Contains([]string{"", payAndShip, payOnly, signIn, payAndShipMulti}, b.ProductType):
		return nil, "", invalidValue("productType")
	}
	environment := key.environments()[0]
	if len(key.environments()) > 1 && !b.Sandbox {
		environment = Live
	}
	algorithm := b.Algorithm
	if algorithm == "" {
		algorithm = legacyAlgorithm
	}
	if !verifies(key.public, algorithm, b.PayloadJSON, b.Signature) {
		_, hash, _ := strings.Cut(stringToSign(algorithm, b.PayloadJSON), "\n")
		return nil, "", refuse(http.StatusForbidden, "InvalidSignatureError",
			"Unable to verify the signature of merchant [%s]: expected algorithm [%s] over the payload with hash [%s].", b.MerchantID, algorithm, hash)
	}
	return account, environment, nil
}

func (a *Account) knowsStore(id *string) *refusal {
	switch {
	case !isSet(id):
		return missingValue("storeId")
	case !slices.Contains(a.StoreIDs, *id):
		return invalidValue("storeId")
	}
	return nil
}

// checkButton holds a payload against the rules of its flow.
func (s *Server) checkButton(t terms, productType string, o owner) *refusal {
	web := t.WebCheckoutDetails
	switch {
	case productType == signIn:
		if !isSet(web.SignInReturnURL) {
			return missingValue("webCheckoutDetails.signInReturnUrl")
		}
		if value(t.ChargePermissionType) != onFile || t.PaymentMethodOnFileMetadata == nil || !t.PaymentMethodOnFileMetadata.SetupOnly {
			return wrongCombination("Sign-in opens a checkout session only with chargePermissionType PaymentMethodOnFile and setupOnly true.")
		}
	case value(web.CheckoutMode) == processOrder:
		return checkPayNow(t, productType)
	case !isSet(web.CheckoutReviewReturnURL):
		return missingValue("webCheckoutDetails.checkoutReviewReturnUrl")
	}
	return s.checkReview(t, o)
}

// checkReview holds terms that the buyer reviews at the shop, or changes an instrument by, against their rules.
func (s *Server) checkReview(t terms, o owner) *refusal {
	if t.AddressDetails != nil {
		return wrongCombination("addressDetails is for checkoutMode ProcessOrder only.")
	}
	if isSet(t.ChargePermissionID) {
		return s.checkInstrumentUpdate(t, o)
	}
	return nil
}

// checkPayNow: everything is in the payload, for the merchant cannot change it later.
func checkPayNow(t terms, productType string) *refusal {
	setup := t.PaymentMethodOnFileMetadata != nil && t.PaymentMethodOnFileMetadata.SetupOnly
	switch {
	case !isSet(t.WebCheckoutDetails.CheckoutResultReturnURL):
		return missingValue("webCheckoutDetails.checkoutResultReturnUrl")
	case !isSet(t.PaymentDetails.PaymentIntent):
		return missingValue("paymentDetails.paymentIntent")
	case t.PaymentDetails.ChargeAmount == nil && !setup:
		return missingValue("paymentDetails.chargeAmount")
	case productType == payAndShip && t.AddressDetails == nil && !setup:
		return missingValue("addressDetails")
	case productType == payOnly && t.AddressDetails != nil:
		return invalidValue("addressDetails")
	}
	if t.AddressDetails != nil {
		return checkCollected(t.AddressDetails)
	}
	return nil
}

// withoutState are the countries whose addresses take no state or region.
var withoutState = []string{"UK", "GB", "SG", "AE", "MX"}

// checkCollected holds an address that the merchant asked the buyer for against the address rules; blanks are trimmed,
// postal code and country become upper case.
func checkCollected(a *collectedAddress) *refusal {
	for _, part := range []*string{a.Name, a.AddressLine1, a.City, a.PostalCode, a.CountryCode, a.PhoneNumber} {
		if part != nil {
			*part = strings.TrimSpace(*part)
		}
	}
	for _, part := range []*string{a.PostalCode, a.CountryCode} {
		if part != nil {
			*part = strings.ToUpper(*part)
		}
	}
	country := value(a.CountryCode)
	for _, must := range []struct {
		name string
		text *string
	}{{"name", a.Name}, {"addressLine1", a.AddressLine1}, {"postalCode", a.PostalCode}, {"countryCode", a.CountryCode}, {"phoneNumber", a.PhoneNumber}} {
		if !isSet(must.text) {
			return missingValue("addressDetails." + must.name)
		}
	}
	switch {
	case len(country) < 2:
		return invalidValue("addressDetails.countryCode")
	case country == "JP" && !isSet(a.StateOrRegion):
		return missingValue("addressDetails.stateOrRegion")
	case country != "JP" && !isSet(a.City):
		return missingValue("addressDetails.city")
	case slices.Contains(withoutState, country) && isSet(a.StateOrRegion):
		return invalidValue("addressDetails.stateOrRegion")
	}
	return nil
}

// checkInstrumentUpdate holds the payload of the update page against the permission it names.
func (s *Server) checkInstrumentUpdate(t terms, o owner) *refusal {
	p := s.permissions[value(t.ChargePermissionID)]
	if p == nil || p.owner != o || p.kind != onFile {
		return notFound("Charge permission", value(t.ChargePermissionID))
	}
	if value(t.ChargePermissionType) != onFile || t.PaymentMethodOnFileMetadata == nil || !t.PaymentMethodOnFileMetadata.SetupOnly {
		return wrongCombination("An instrument is changed with chargePermissionType PaymentMethodOnFile and setupOnly true.")
	}
	if p.State == closed {
		return unprocessable("InvalidChargePermissionStatus", "The charge permission is closed.")
	}
	return nil
}
