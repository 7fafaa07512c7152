package sandbox

import (
	"time"
)

// Every field of an answer is present, with null where nothing is set; only what a document calls an extra is left out.

// stampLayout is the one form of time stamps, to the letter.
const stampLayout = "20060102T150405Z"

func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(stampLayout)
	return &text
}

// textOf is null for empty text.
func textOf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// address is a postal address as the wire has it.
type address struct {
	Name          *string `json:"name"`
	AddressLine1  *string `json:"addressLine1"`
	AddressLine2  *string `json:"addressLine2"`
	AddressLine3  *string `json:"addressLine3"`
	City          *string `json:"city"`
	County        *string `json:"county"`
	District      *string `json:"district"`
	StateOrRegion *string `json:"stateOrRegion"`
	PostalCode    *string `json:"postalCode"`
	CountryCode   *string `json:"countryCode"`
	PhoneNumber   *string `json:"phoneNumber"`
}

// collectedAddress is addressDetails: one that the merchant asked the buyer for, and sends with the pay-now button.
type collectedAddress struct {
	address
	DistrictOrCounty *string `json:"districtOrCounty"`
}

// buyerView is the buyer inside a session or a permission.
type buyerView struct {
	BuyerID              string   `json:"buyerId"`
	Name                 *string  `json:"name"`
	Email                *string  `json:"email"`
	PhoneNumber          *string  `json:"phoneNumber"`
	PrimeMembershipTypes []string `json:"primeMembershipTypes"`
}

type webDetails struct {
	CheckoutReviewReturnURL *string `json:"checkoutReviewReturnUrl"`
	CheckoutResultReturnURL *string `json:"checkoutResultReturnUrl"`
	AmazonPayRedirectURL    *string `json:"amazonPayRedirectUrl"`
	CheckoutCancelURL       *string `json:"checkoutCancelUrl"`
	CheckoutErrorURL        *string `json:"checkoutErrorUrl"`
	CheckoutMode            *string `json:"checkoutMode"`
	SignInReturnURL         *string `json:"signInReturnUrl"`
	SignInCancelURL         *string `json:"signInCancelUrl"`
	SignInErrorURL          *string `json:"signInErrorUrl"`
}

type paymentDetails struct {
	PaymentIntent                 *string `json:"paymentIntent"`
	CanHandlePendingAuthorization *bool   `json:"canHandlePendingAuthorization"`
	ChargeAmount                  *price  `json:"chargeAmount"`
	TotalOrderAmount              *price  `json:"totalOrderAmount"`
	SoftDescriptor                *string `json:"softDescriptor"`
	PresentmentCurrency           *string `json:"presentmentCurrency"`
	AllowOvercharge               *bool   `json:"allowOvercharge"`
	ExtendExpiration              *bool   `json:"extendExpiration"`
	EstimateOrderTotal            *price  `json:"estimateOrderTotal,omitempty"`
}

type merchantMetadata struct {
	MerchantReferenceID *string `json:"merchantReferenceId"`
	MerchantStoreName   *string `json:"merchantStoreName"`
	NoteToBuyer         *string `json:"noteToBuyer"`
	CustomInformation   *string `json:"customInformation"`
}

type providerMetadata struct {
	ProviderReferenceID *string `json:"providerReferenceId"`
}

type frequency struct {
	Unit  string `json:"unit"`
	Value string `json:"value"`
}

type recurringMetadata struct {
	Frequency *frequency `json:"frequency"`
	Amount    *price     `json:"amount"`
}

type onFileMetadata struct {
	SetupOnly bool `json:"setupOnly"`
}

type addressRestrictions struct {
	Type         *string                `json:"type"`
	Restrictions map[string]restriction `json:"restrictions"`
}

type restriction struct {
	StatesOrRegions []string `json:"statesOrRegions,omitempty"`
	ZipCodes        []string `json:"zipCodes,omitempty"`
}

type deliverySpecifications struct {
	SpecialRestrictions []string             `json:"specialRestrictions"`
	AddressRestrictions *addressRestrictions `json:"addressRestrictions"`
}

type addressPrice struct {
	AddressID string `json:"addressId"`
	Price     *price `json:"price"`
}

// terms are what the merchant sets in a session. A change overwrites what it names and leaves the rest.
type terms struct {
	StoreID                        *string                 `json:"storeId"`
	WebCheckoutDetails             webDetails              `json:"webCheckoutDetails"`
	Scopes                         []string                `json:"scopes"`
	SignInScopes                   []string                `json:"signInScopes"`
	PaymentDetails                 paymentDetails          `json:"paymentDetails"`
	ChargePermissionType           *string                 `json:"chargePermissionType"`
	RecurringMetadata              *recurringMetadata      `json:"recurringMetadata"`
	PaymentMethodOnFileMetadata    *onFileMetadata         `json:"paymentMethodOnFileMetadata"`
	ChargePermissionID             *string                 `json:"chargePermissionId"` // of an instrument update
	DeliverySpecifications         *deliverySpecifications `json:"deliverySpecifications"`
	AddressDetails                 *collectedAddress       `json:"addressDetails"`
	MerchantMetadata               merchantMetadata        `json:"merchantMetadata"`
	SupplementaryData              *string                 `json:"supplementaryData"`
	PlatformID                     *string                 `json:"platformId"`
	ProviderMetadata               providerMetadata        `json:"providerMetadata"`
	CheckoutButtonText             *string                 `json:"checkoutButtonText"`
	MultiAddressesCheckoutMetadata []addressPrice          `json:"multiAddressesCheckoutMetadata"`
}

// status is statusDetails of everything but a permission.
type status struct {
	State       string
	Reason      string
	Description string
	Updated     time.Time
}

type statusView struct {
	State                string  `json:"state"`
	ReasonCode           *string `json:"reasonCode"`
	ReasonDescription    *string `json:"reasonDescription"`
	LastUpdatedTimestamp *string `json:"lastUpdatedTimestamp"`
}

func (s status) view() statusView {
	return statusView{State: s.State, ReasonCode: textOf(s.Reason), ReasonDescription: textOf(s.Description), LastUpdatedTimestamp: stamp(s.Updated)}
}

// instrumentView is one element of paymentPreferences.
type instrumentView struct {
	PaymentDescriptor string `json:"paymentDescriptor"`
}

type constraint struct {
	ConstraintID string `json:"constraintId"`
	Description  string `json:"description"`
}

func isSet(s *string) bool { return s != nil && *s != "" }
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
func holds(b *bool) bool { return b != nil && *b }
