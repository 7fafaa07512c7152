package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An order is reviewed at the shop, confirmed, and authorized when the buyer is back, and nothing before.
func TestAmazonExpressWithReview(t *testing.T) {
	eachAmazon(t, func(t *testing.T, w *amazonWorld) {
		for product, shipped := range map[string]bool{"pay_and_ship": true, "pay_only": false} {
			p := w.create("order-"+product, map[string]any{"method": map[string]any{"type": "amazon_pay", "flow": "express", "product": product}})
			id := p.str("id")
			require.Equal(t, []string{"requires_action", "render_widget", "amazon_pay"}, []string{p.str("status"), p.str("next_action.type"), p.str("next_action.render_widget.sdk")})
			r := w.review(p, "6069")
			require.Equal(t, "requires_confirmation", r.str("status"), r.raw)
			require.Equal(t, "Amazon Gift Card and Visa ****6069 (Amazon Pay)", r.str("review.instrument"))
			require.Equal(t, shipped, r.at("review.shipping_address") != nil, r.raw)
			require.NotEmpty(t, r.str("review.buyer.email"))
			require.Zero(t, w.row(id))

			c := w.confirm(id)
			require.Equal(t, []string{"requires_action", "redirect_to_url"}, []string{c.str("status"), c.str("next_action.type")})
			require.Zero(t, w.row(id))
			newShopper(t).open(c.str("next_action.redirect_to_url.url")).through().atShop("/thanks")
			done := w.get(id)
			require.Equal(t, []string{"requires_capture", "12550", "12550"}, []string{done.str("status"), done.str("amounts.authorized"), done.str("amounts.capturable")})
			require.NotEmpty(t, done.str("provider.references.chargePermissionId"), done.raw)
			w.balanced(id)
			require.Equal(t, []string{"payment.created", "payment.action_required", "payment.review_required", "payment.action_required", "payment.authorized"}, w.events(id))
		}
	})
}
