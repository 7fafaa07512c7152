package sandbox

import (
	"bytes"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The shop's reference at APS is made by a program; a person looks for the number of the order.
func TestOrdersAreFoundByTheMerchantsOwnNumber(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-50", map[string]string{"merchant_extra": "order-1001", "order_description": "Two mugs"}))
	require.Contains(t, p.html, `<bdi>Two mugs</bdi> · Order <bdi dir="ltr">order-1001</bdi> · Reference <bdi dir="ltr">PMX-50</bdi>`)
	p.card("4005550000000001")
	require.Contains(t, w.pay(w.order("PMX-51", nil)).html, `Order <bdi dir="ltr">PMX-51</bdi>`)
	office := w.browse(http.MethodGet, "https://"+simHost+"/backoffice", nil)
	require.Contains(t, office.html, "<b>order-1001</b>")
	require.Contains(t, office.html, "Two mugs · PMX-50 · PURCHASE")
	require.Contains(t, office.html, "<title>Back office · ")
	require.Contains(t, w.browse(http.MethodGet, "https://"+simHost+"/", nil).html, "<title>Amazon Payment Services simulator</title>")
}

func TestEmptyCardFormSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.order("PMX-52", nil)).press("continue")
	for _, input := range []string{"card_number", "expiry_date", "card_security_code", "card_holder_name"} {
		require.Contains(t, p.html, `id="`+input+`-wrong"`)
	}
}

// A merchant asks for an order while its buyer is at the page; that is no mistake of anybody.
func TestQueriesOfWaitingOrdersAreNotLoggedAsRefused(t *testing.T) {
	var logged bytes.Buffer
	w := newWorld(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
	w.pay(w.order("PMX-53", nil))
	require.Equal(t, "11036", w.check("PMX-53")["response_code"])
	require.Empty(t, logged.String())
	w.call(map[string]string{"command": "CAPTURE", "merchant_reference": "PMX-53", "amount": "1", "currency": "AED"})
	require.Contains(t, logged.String(), "request refused")
}
