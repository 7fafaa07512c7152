package sandbox

import (
	"fmt"
	"net/http"

	"github.com/stretchr/testify/require"
)

// checkout is a session as a merchant wants it, from the click on.
type checkout struct {
	payload string // of the button; empty: express with a review page
	product string
	card    string // ending; empty: 1111
	update  string // body of the PATCH after the review; empty: none
	keepNot bool
}

const reviewPayload = `{"webCheckoutDetails":{"checkoutReviewReturnUrl":"https://shop.test/review"},"storeId":"` + storeID + `"}`

// updateTo is the PATCH after the review.
func updateTo(intent, amount, reference string, pending bool) string {
	return fmt.Sprintf(`{"webCheckoutDetails":{"checkoutResultReturnUrl":"https://shop.test/result"},"paymentDetails":{"paymentIntent":%q,
		"canHandlePendingAuthorization":%t,"chargeAmount":{"amount":%q,"currencyCode":"EUR"}},"merchantMetadata":{"merchantReferenceId":%q}}`, intent, pending, amount, reference)
}

// click opens a session by the button and signs the first buyer in.
func (w *world) click(payload, product, card string) string {
	w.t.Helper()
	s := w.server
	s.mu.Lock()
	defer s.mu.Unlock()
	in, no := s.openFromButton(button{MerchantID: w.account.MerchantID, PublicKeyID: w.account.Keys[0].ID, ProductType: product,
		PayloadJSON: payload, Signature: w.pss(v2, payload), Algorithm: v2})
	require.Nil(w.t, no)
	require.NotNil(w.t, in.session)
	s.associate(in.session, exampleBuyers["eu"][0])
	if card != "" {
		chosen, known := cardEnding(card)
		require.True(w.t, known)
		s.chooseCard(in.session, chosen)
	}
	return in.session.id
}

// process takes the buyer through the processing page.
func (w *world) process(id string) verdict {
	w.t.Helper()
	s := w.server
	s.mu.Lock()
	sess := s.session(id)
	sess.redirected = true
	v, messages := s.leaveProcessing(sess)
	s.mu.Unlock()
	s.send(messages)
	return v
}

// ready is a session that can be completed.
func (w *world) ready(c checkout) string {
	w.t.Helper()
	if c.payload == "" {
		c.payload = reviewPayload
	}
	id := w.click(c.payload, c.product, c.card)
	if c.keepNot {
		w.server.mu.Lock()
		w.server.session(id).keepsNot = true
		w.server.mu.Unlock()
	}
	if c.update != "" {
		w.is(http.StatusOK, w.patch("checkoutSessions/"+id, c.update))
	}
	w.process(id)
	return id
}

func completion(amount string) string {
	return fmt.Sprintf(`{"chargeAmount":{"amount":%q,"currencyCode":"EUR"}}`, amount)
}

// paid is a completed checkout; it returns permission and charge.
func (w *world) paid(intent, amount, reference string) (permission, charge string) {
	w.t.Helper()
	id := w.ready(checkout{update: updateTo(intent, amount, reference, false)})
	got := w.is(http.StatusOK, w.post("checkoutSessions/"+id+"/complete", completion(amount)))
	return got.str("chargePermissionId"), got.str("chargeId")
}

// ordered is a completed checkout for a total, of which nothing is charged yet.
func (w *world) ordered(total, reference string) string {
	w.t.Helper()
	permission, charge := w.paid("Confirm", total, reference)
	require.Empty(w.t, charge)
	return permission
}

func chargeBody(permission, amount, more string) string {
	return fmt.Sprintf(`{"chargePermissionId":%q,"chargeAmount":{"amount":%q,"currencyCode":"EUR"}%s}`, permission, amount, more)
}

func captureBody(amount string) string {
	return fmt.Sprintf(`{"captureAmount":{"amount":%q,"currencyCode":"EUR"}}`, amount)
}

func refundBody(charge, amount string) string {
	return fmt.Sprintf(`{"chargeId":%q,"refundAmount":{"amount":%q,"currencyCode":"EUR"}}`, charge, amount)
}
