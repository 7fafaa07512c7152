package amazonpay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/paymux/paymux/core"
)

// payload is what a button hands to Amazon Pay, signed as the text it is written as.
type payload struct {
	Web          webCheckout         `json:"webCheckoutDetails"`
	StoreID      string              `json:"storeId"`
	Scopes       []string            `json:"scopes,omitempty"`
	SignInScopes []string            `json:"signInScopes,omitempty"`
	Type         string              `json:"chargePermissionType,omitempty"`
	PermissionID string              `json:"chargePermissionId,omitempty"`
	Recurring    *recurringMetadata  `json:"recurringMetadata,omitempty"`
	OnFile       *onFileMetadata     `json:"paymentMethodOnFileMetadata,omitempty"`
	Details      *paymentDetails     `json:"paymentDetails,omitempty"`
	Metadata     *merchantMetadata   `json:"merchantMetadata,omitempty"`
	Delivery     *deliveryRestraints `json:"deliverySpecifications,omitempty"`
	Address      *address            `json:"addressDetails,omitempty"`
}

type deliveryRestraints struct {
	Special []string       `json:"specialRestrictions,omitempty"`
	Address *addressLimits `json:"addressRestrictions,omitempty"`
}

type addressLimits struct {
	Type  string                `json:"type"` // Allowed or NotAllowed
	Areas map[string]areaLimits `json:"restrictions"`
}

type areaLimits struct {
	States []string `json:"statesOrRegions,omitempty"`
	Postal []string `json:"zipCodes,omitempty"`
}

const processOrder = "ProcessOrder" // the buyer pays on the hosted page, without a review at the shop

// What a buyer is asked to share. Billing addresses come with the EU's contracts and with the scope; the delivery
// address where something is delivered.
var scopes = []string{"name", "email", "phoneNumber", "billingAddress"}

// express is the payload of a session that comes back for review: amount and intent follow with Confirm.
func (p *Provider) express(op core.Op, in core.StartInput, product string) (payload, error) {
	b := p.begun(op, in.Order)
	b.Web.ReviewURL, b.Scopes = in.Returns.Review, slices.Clone(scopes)
	if product == payAndShip {
		b.Scopes = append(b.Scopes, "shippingAddress")
	}
	if currency := wholeOf(op, in.Order).Currency; currency != p.cfg.ledger() {
		b.Details = &paymentDetails{Presentment: currency}
	}
	restraints, err := delivery(in.Delivery)
	if restraints != nil && product != payAndShip {
		return b, unsupported("/delivery", "nothing is delivered with this product", "method.product: "+productShip)
	}
	b.Delivery = restraints
	return b, err
}

// payNow is the payload of the additional payment button: all of the order is in it.
func (p *Provider) payNow(op core.Op, in core.StartInput, product string) (payload, error) {
	b := p.begun(op, in.Order)
	b.Web.ResultURL, b.Web.Mode = in.Returns.Result, processOrder
	details := p.details(op, in.Order)
	if currency := wholeOf(op, in.Order).Currency; currency != p.cfg.ledger() {
		details.Presentment = currency
	}
	b.Details = &details
	if !free(in.Delivery) {
		return b, unsupported("/delivery", "the shop has the address already in this flow", "method.flow: "+flowExpress)
	}
	if product != payAndShip {
		return b, nil
	}
	a, err := shippingDetails(in.Buyer)
	b.Address = a
	return b, err
}

// begun is what every payload of an order has. The consent that is asked for is told to the buyer by Amazon.
func (p *Provider) begun(op core.Op, o core.Order) payload {
	metadata := p.metadata(op, o)
	b := payload{StoreID: p.cfg.StoreID, Metadata: &metadata, Web: webCheckout{CancelURL: o.Returns.Cancel}}
	b.Type, b.Recurring, b.OnFile = consent(o.Save, false)
	return b
}

// consent is what a stored consent adds to a payload.
func consent(s core.Save, setupOnly bool) (kind string, plan *recurringMetadata, file *onFileMetadata) {
	switch s.Kind {
	case core.SaveRecurring:
		return recurring, planOf(s.Recurring), nil
	case core.SaveUnscheduled:
		return onFile, nil, &onFileMetadata{SetupOnly: setupOnly}
	}
	return oneTime, nil, nil
}

// units of a plan, as Amazon Pay names them.
var units = map[string]string{"day": "Day", "week": "Week", "month": "Month", "year": "Year", "variable": "Variable"}

// planOf is what Amazon tells the buyer of a plan. It charges nothing by itself, and knows no count and no end.
func planOf(r *core.Recurring) *recurringMetadata {
	if r == nil {
		return &recurringMetadata{Frequency: frequency{"Variable", "0"}}
	}
	m := &recurringMetadata{Frequency: frequency{units[r.Unit], strconv.Itoa(max(1, r.Interval))}}
	if r.Unit == "variable" {
		m.Frequency.Value = "0"
	}
	if r.Amount != nil {
		m.Amount = priceOf(*r.Amount)
	}
	return m
}

// metadata names the order: the attempt's own reference is the identity, the merchant's goes along for the books.
func (p *Provider) metadata(op core.Op, o core.Order) merchantMetadata {
	return merchantMetadata{
		Reference: op.Reference, StoreName: p.cfg.StoreName, Note: cut(o.Description, maxNote), CustomInfo: cut(o.MerchantReference, maxCustom),
	}
}

// details are amount and intent. The same order gives the same details whenever it is asked.
func (p *Provider) details(op core.Op, o core.Order) paymentDetails {
	charged, intent := chargedNow(op, o), intentCapture
	whole := wholeOf(op, o)
	switch {
	case agreementOnly(o):
		intent = intentConfirm
	case o.Capture == core.CaptureManual:
		intent = intentAuthorize
	}
	pending := intent == intentAuthorize && o.AllowPending
	d := paymentDetails{Intent: intent, CanPend: &pending, ChargeAmount: priceOf(charged)}
	if charged != whole {
		d.TotalAmount = priceOf(whole)
	}
	if intent == intentCapture {
		d.SoftDescriptor = p.descriptor(o.Statement)
	}
	return d
}

// agreementOnly reports whether nothing is to be reserved now.
func agreementOnly(o core.Order) bool { return o.Authorize.Currency != "" && o.Authorize.Minor == 0 }

// wholeOf is the amount of the order, of which an operation may be about a part.
func wholeOf(op core.Op, o core.Order) core.Money {
	if o.Amount.Currency != "" {
		return o.Amount
	}
	return op.Amount
}

// chargedNow is the amount of the first charge; with nothing to be charged yet, what is expected to be.
func chargedNow(op core.Op, o core.Order) core.Money {
	if o.Authorize.Minor > 0 {
		return o.Authorize
	}
	return wholeOf(op, o)
}

// The longest texts, in characters. Source: Amazon Pay, checkout session and charge objects.
const (
	maxDescriptor = 16
	maxNote       = 255
	maxCustom     = 4096
	maxReason     = 255
	maxReference  = 256
)

// descriptor is the text on the buyer's statement; Japan has none.
func (p *Provider) descriptor(statement string) string {
	if p.cfg.Region == "jp" {
		return ""
	}
	return cut(statement, maxDescriptor)
}

// maxRestraints bounds the places of a delivery rule: the answers of the session repeat them, and answers are bounded.
const maxRestraints = 50

// free reports whether no rule is set.
func free(r core.DeliveryRules) bool {
	return !r.NoPOBoxes && !r.NoPackstations && len(r.Allow)+len(r.Deny) == 0
}

func delivery(r core.DeliveryRules) (*deliveryRestraints, error) {
	if free(r) {
		return nil, nil
	}
	if len(r.Allow) > 0 && len(r.Deny) > 0 {
		return nil, unsupported("/delivery", "Amazon Pay takes places that are allowed or places that are not, not both")
	}
	d := &deliveryRestraints{}
	if r.NoPOBoxes {
		d.Special = append(d.Special, "RestrictPOBoxes")
	}
	if r.NoPackstations {
		d.Special = append(d.Special, "RestrictPackstations")
	}
	kind, regions := "Allowed", r.Allow
	if len(r.Deny) > 0 {
		kind, regions = "NotAllowed", r.Deny
	}
	places := len(regions)
	areas := map[string]areaLimits{}
	for _, region := range regions {
		if !country.MatchString(region.Country) {
			return nil, refuse("field_invalid", "/delivery", "a country has two capital letters")
		}
		places += len(region.States) + len(region.PostalCodes)
		a := areas[region.Country]
		a.States, a.Postal = append(a.States, region.States...), append(a.Postal, region.PostalCodes...)
		areas[region.Country] = a
	}
	if places > maxRestraints {
		return nil, refuse("field_invalid", "/delivery", "at most %d countries, states and postal codes can be named", maxRestraints)
	}
	if len(areas) > 0 {
		d.Address = &addressLimits{kind, areas}
	}
	return d, nil
}

// limits of an address, in characters. Source: Amazon Pay, additional payment button, address formatting and validation.
var addressMax = map[string]int{"name": 50, "line1": 180, "line": 60, "place": 50, "postal": 20, "phone": 20}

// shippingDetails is the address of the shop, which the hosted page shows and does not let the buyer change.
func shippingDetails(b core.Buyer) (*address, error) {
	if b.Shipping == nil {
		return nil, refuse("buyer_invalid", "/shipping_address", "Amazon Pay wants the delivery address of the order in this flow")
	}
	s := *b.Shipping
	a := &address{
		Name:  cut(or(s.Name, strings.TrimSpace(or(s.FirstName, b.FirstName)+" "+or(s.LastName, b.LastName))), addressMax["name"]),
		Line1: cut(s.Line1, addressMax["line1"]), Line2: cut(s.Line2, addressMax["line"]), Line3: cut(s.Line3, addressMax["line"]),
		City: cut(s.City, addressMax["place"]), Area: cut(s.District, addressMax["place"]), Postal: cut(s.PostalCode, addressMax["postal"]),
		Country: s.Country, Phone: cut(or(s.Phone, b.Phone), addressMax["phone"]),
	}
	if !slices.Contains([]string{"GB", "UK", "SG", "AE", "MX"}, s.Country) {
		a.State = cut(s.State, addressMax["place"])
	}
	for _, part := range []struct {
		pointer string
		missing bool
	}{
		{"/name", a.Name == ""}, {"/line1", a.Line1 == ""}, {"/postal_code", a.Postal == ""}, {"/city", a.City == "" && s.Country != "JP"},
		{"/state", a.State == "" && s.Country == "JP"}, {"/country", !country.MatchString(s.Country)},
	} {
		if part.missing {
			return nil, refuse("buyer_invalid", "/shipping_address"+part.pointer, "Amazon Pay wants a whole delivery address")
		}
	}
	if a.Phone == "" {
		a.Phone = "0" // it is wanted; where the shop has none, Amazon's own integrations send this
	}
	return a, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
