package amazonpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/paymux/paymux/core"
)

// The types of a charge permission.
const (
	oneTime   = "OneTime"
	recurring = "Recurring"
	onFile    = "PaymentMethodOnFile"
)

// What is to happen to the money when a session is completed.
const (
	intentConfirm   = "Confirm"
	intentAuthorize = "Authorize"
	intentCapture   = "AuthorizeWithCapture"
)

// price is an amount as on the wire: text in the major unit. Answers may have a number; its text is kept as it stands.
type price struct {
	Amount   decimalText `json:"amount"`
	Currency string      `json:"currencyCode"`
}

type decimalText string

// UnmarshalJSON takes text or a number.
func (d *decimalText) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '"' {
		var n json.Number
		if err := json.Unmarshal(data, &n); err != nil {
			return errors.New("amazonpay: an amount is neither text nor a number")
		}
		*d = decimalText(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return errors.New("amazonpay: an amount cannot be read")
	}
	*d = decimalText(s)
	return nil
}

// priceOf is m as Amazon Pay takes it, with the decimals of its currency: none for yen.
func priceOf(m core.Money) *price {
	text, err := m.Text()
	if err != nil {
		return nil // a currency nobody has was refused before
	}
	return &price{decimalText(text), m.Currency}
}

// money is the amount a message tells. Zeros behind the decimals of the currency say nothing.
func (p *price) money() (core.Money, bool) {
	if p == nil {
		return core.Money{}, false
	}
	text := string(p.Amount)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	m, err := core.ParseMoney(text, p.Currency)
	return m, err == nil
}

func samePrice(a, b *price) bool {
	am, aOK := a.money()
	bm, bOK := b.money()
	return aOK && bOK && am == bm
}

// timeFormat is how Amazon Pay writes times, in UTC.
const timeFormat = "20060102T150405Z"

func timeOf(text string) time.Time {
	at, err := time.Parse(timeFormat, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

type webCheckout struct {
	ReviewURL    string `json:"checkoutReviewReturnUrl,omitempty"`
	ResultURL    string `json:"checkoutResultReturnUrl,omitempty"`
	CancelURL    string `json:"checkoutCancelUrl,omitempty"`
	SignInURL    string `json:"signInReturnUrl,omitempty"`
	SignInCancel string `json:"signInCancelUrl,omitempty"`
	Mode         string `json:"checkoutMode,omitempty"`
	RedirectURL  string `json:"amazonPayRedirectUrl,omitempty"`
}

type paymentDetails struct {
	Intent         string `json:"paymentIntent,omitempty"`
	CanPend        *bool  `json:"canHandlePendingAuthorization,omitempty"`
	ChargeAmount   *price `json:"chargeAmount,omitempty"`
	TotalAmount    *price `json:"totalOrderAmount,omitempty"`
	Presentment    string `json:"presentmentCurrency,omitempty"`
	SoftDescriptor string `json:"softDescriptor,omitempty"`
}

type merchantMetadata struct {
	Reference  string `json:"merchantReferenceId,omitempty"`
	StoreName  string `json:"merchantStoreName,omitempty"`
	Note       string `json:"noteToBuyer,omitempty"`
	CustomInfo string `json:"customInformation,omitempty"`
}

type recurringMetadata struct {
	Frequency frequency `json:"frequency"`
	Amount    *price    `json:"amount,omitempty"`
}

type frequency struct {
	Unit  string `json:"unit"`
	Value string `json:"value"`
}

type onFileMetadata struct {
	SetupOnly bool `json:"setupOnly"`
}

type address struct {
	Name    string `json:"name,omitempty"`
	Line1   string `json:"addressLine1,omitempty"`
	Line2   string `json:"addressLine2,omitempty"`
	Line3   string `json:"addressLine3,omitempty"`
	City    string `json:"city,omitempty"`
	County  string `json:"county,omitempty"`
	Area    string `json:"districtOrCounty,omitempty"` // in requests; answers have county and district
	Within  string `json:"district,omitempty"`
	State   string `json:"stateOrRegion,omitempty"`
	Postal  string `json:"postalCode,omitempty"`
	Country string `json:"countryCode,omitempty"`
	Phone   string `json:"phoneNumber,omitempty"`
}

type buyer struct {
	ID       string   `json:"buyerId"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Phone    string   `json:"phoneNumber"`
	Shipping *address `json:"shippingAddress"`
	Billing  *address `json:"billingAddress"`
}

type status struct {
	State   string `json:"state"`
	Reason  string `json:"reasonCode"`
	Reasons []struct {
		Code string `json:"reasonCode"`
	} `json:"reasons"` // of permissions
	Updated string `json:"lastUpdatedTimestamp"`
}

// session is a checkout session as it is answered.
type session struct {
	ID              string           `json:"checkoutSessionId"`
	Web             webCheckout      `json:"webCheckoutDetails"`
	Product         string           `json:"productType"`
	Details         paymentDetails   `json:"paymentDetails"`
	Metadata        merchantMetadata `json:"merchantMetadata"`
	PermissionType  string           `json:"chargePermissionType"`
	PermissionID    string           `json:"chargePermissionId"`
	ChargeID        string           `json:"chargeId"`
	Buyer           *buyer           `json:"buyer"`
	Shipping        *address         `json:"shippingAddress"`
	Billing         *address         `json:"billingAddress"`
	Preferences     preferences      `json:"paymentPreferences"`
	Status          status           `json:"statusDetails"`
	Constraints     []constraint     `json:"constraints"`
	ExpirationStamp string           `json:"expirationTimestamp"`
}

type constraint struct {
	ID string `json:"constraintId"`
}

// preferences name the instrument, as one text; there may be null in the list.
type preferences []*struct {
	Descriptor string `json:"paymentDescriptor"`
}

// text is the instrument as Amazon Pay names it, such as "Amazon Gift Card and Visa ****6069 (Amazon Pay)".
func (p preferences) text() string {
	for _, one := range p {
		if one != nil && one.Descriptor != "" {
			return one.Descriptor
		}
	}
	return ""
}

// permission is a charge permission as it is answered.
type permission struct {
	ID          string           `json:"chargePermissionId"`
	Type        string           `json:"chargePermissionType"`
	Buyer       *buyer           `json:"buyer"`
	Shipping    *address         `json:"shippingAddress"`
	Billing     *address         `json:"billingAddress"`
	Preferences preferences      `json:"paymentPreferences"`
	Status      status           `json:"statusDetails"`
	Metadata    merchantMetadata `json:"merchantMetadata"`
	Limits      struct {
		Limit *price `json:"amountLimit"`
	} `json:"limits"`
}

// charge as it is answered. A charge is an authorization, and what is captured of it, once.
type charge struct {
	ID           string           `json:"chargeId"`
	PermissionID string           `json:"chargePermissionId"`
	Amount       *price           `json:"chargeAmount"`
	Captured     *price           `json:"captureAmount"`
	Refunded     *price           `json:"refundedAmount"`
	CaptureNow   bool             `json:"captureNow"`
	Metadata     merchantMetadata `json:"merchantMetadata"`
	Web          webCheckout      `json:"webCheckoutDetails"`
	Status       status           `json:"statusDetails"`
}

type refund struct {
	ID       string `json:"refundId"`
	ChargeID string `json:"chargeId"`
	Amount   *price `json:"refundAmount"`
	Status   status `json:"statusDetails"`
	Created  string `json:"creationTimestamp"`
}

// encode is v as it travels and is signed: the text of encoding/json without its escapes for HTML, and no line break at
// the end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, errors.New("amazonpay: a request cannot be written")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// cut is s as a line of at most longest characters.
func cut(s string, longest int) string {
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "")))
	if runes := []rune(s); len(runes) > longest {
		return strings.TrimSpace(string(runes[:longest]))
	}
	return s
}
