package sandbox

import "slices"

// sessionView is a session as answers have it.
type sessionView struct {
	CheckoutSessionID              string                  `json:"checkoutSessionId"`
	WebCheckoutDetails             *webDetails             `json:"webCheckoutDetails"`
	ProductType                    *string                 `json:"productType"`
	PaymentDetails                 *paymentDetails         `json:"paymentDetails"`
	ChargePermissionType           *string                 `json:"chargePermissionType"`
	OrderType                      *string                 `json:"orderType"`
	RecurringMetadata              *recurringMetadata      `json:"recurringMetadata"`
	PaymentMethodOnFileMetadata    *onFileMetadata         `json:"paymentMethodOnFileMetadata"`
	MerchantMetadata               *merchantMetadata       `json:"merchantMetadata"`
	SupplementaryData              *string                 `json:"supplementaryData"`
	Buyer                          *buyerView              `json:"buyer"`
	BillingAddress                 *address                `json:"billingAddress"`
	PaymentPreferences             []*instrumentView       `json:"paymentPreferences"`
	StatusDetails                  statusView              `json:"statusDetails"`
	ShippingAddress                *address                `json:"shippingAddress"`
	ShippingAddressList            []string                `json:"shippingAddressList"`
	PlatformID                     *string                 `json:"platformId"`
	ChargePermissionID             *string                 `json:"chargePermissionId"`
	ChargeID                       *string                 `json:"chargeId"`
	Constraints                    []constraint            `json:"constraints"`
	CreationTimestamp              *string                 `json:"creationTimestamp"`
	ExpirationTimestamp            *string                 `json:"expirationTimestamp"`
	StoreID                        *string                 `json:"storeId"`
	ProviderMetadata               *providerMetadata       `json:"providerMetadata"`
	ReleaseEnvironment             *Environment            `json:"releaseEnvironment"`
	CheckoutButtonText             *string                 `json:"checkoutButtonText"`
	DeliverySpecifications         *deliverySpecifications `json:"deliverySpecifications"`
	MultiAddressesCheckoutMetadata []addressPrice          `json:"multiAddressesCheckoutMetadata"`
	CartDetails                    *struct{}               `json:"cartDetails"`
}

// view is the session as it is told. base is where the simulator is reached.
func (sess *session) view(base string) sessionView {
	v := sessionView{
		CheckoutSessionID: sess.id, StatusDetails: sess.status.view(), CreationTimestamp: stamp(sess.created),
		PaymentPreferences: []*instrumentView{nil}, Constraints: []constraint{},
	}
	switch sess.State {
	case canceled: // little more than the reason is left
		v.ExpirationTimestamp = stamp(sess.created.Add(SessionLife))
		return v
	case completed: // nearly everything is null
		v.ChargePermissionID, v.ChargeID, v.ChargePermissionType = textOf(sess.permissionID), textOf(sess.chargeID), sess.ChargePermissionType
		if sess.productType == signIn {
			v.Buyer = sess.buyerView()
		}
		return v
	}
	return sess.whole(v, base)
}

// whole fills in everything that an open session has.
func (sess *session) whole(v sessionView, base string) sessionView {
	web, payment := sess.WebCheckoutDetails, sess.PaymentDetails
	v.Constraints = sess.constraints()
	if len(v.Constraints) == 0 {
		web.AmazonPayRedirectURL = textOf(withQuery(base+ProcessingPath, "amazonCheckoutSessionId", sess.id))
	}
	v.WebCheckoutDetails, v.PaymentDetails, v.ProductType = &web, &payment, textOf(sess.productType)
	v.ChargePermissionType, v.RecurringMetadata = sess.ChargePermissionType, sess.RecurringMetadata
	v.PaymentMethodOnFileMetadata, v.MerchantMetadata = sess.PaymentMethodOnFileMetadata, &sess.MerchantMetadata
	v.SupplementaryData, v.PlatformID, v.ProviderMetadata = sess.SupplementaryData, sess.PlatformID, &sess.ProviderMetadata
	v.ChargePermissionID, v.ChargeID = textOf(sess.permissionID), textOf(sess.chargeID)
	v.ExpirationTimestamp, v.StoreID, v.ReleaseEnvironment = stamp(sess.created.Add(SessionLife)), sess.StoreID, &sess.environment
	v.CheckoutButtonText, v.DeliverySpecifications = sess.CheckoutButtonText, sess.DeliverySpecifications
	v.MultiAddressesCheckoutMetadata = sess.MultiAddressesCheckoutMetadata
	if sess.buyer == nil {
		return v
	}
	v.Buyer, v.ShippingAddress = sess.buyerView(), sess.shipping
	v.BillingAddress = billingFor(sess.account, sess.buyer, sess.Scopes, sess.shipping == nil)
	if sess.card != nil {
		v.PaymentPreferences = []*instrumentView{{PaymentDescriptor: sess.card.descriptor()}}
	}
	if sess.productType == payAndShipMulti {
		v.ShippingAddressList = sess.addressList()
	}
	return v
}

func (sess *session) buyerView() *buyerView {
	scopes := sess.Scopes
	if sess.productType == signIn {
		if scopes = sess.SignInScopes; len(scopes) == 0 {
			scopes = []string{"name", "email"}
		}
	}
	return sess.buyer.view(sess.merchantID, scopes)
}

// billingFor is the billing address where the merchant is told it: in Europe always, elsewhere without a shipping address
// or with the scope.
func billingFor(a *Account, b *buyer, scopes []string, withoutShipping bool) *address {
	if a.Region == "eu" || withoutShipping || slices.Contains(scopes, "billingAddress") {
		return &b.billing
	}
	return nil
}

// addressList is every address of the buyer, each a JSON document as text.
func (sess *session) addressList() []string {
	var list []string
	for i, a := range sess.buyer.addresses {
		list = append(list, marshal(struct {
			AddressID string `json:"addressId"`
			address
		}{addressID(i), a}))
	}
	return list
}

func addressID(i int) string { return "amzn1.address." + string(rune('A'+i)) }
