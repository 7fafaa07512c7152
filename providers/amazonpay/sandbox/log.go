package sandbox

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// received keeps a request, without buyer data, before any fault strikes.
func (s *Server) received(r *http.Request, operation string, body []byte) *simulator.Request {
	kept := map[string]string{}
	if key := r.Header.Get("X-Amz-Pay-Idempotency-Key"); key != "" {
		kept["x-amz-pay-idempotency-key"] = key
	}
	if code := r.Header.Get("X-Amz-Pay-Simulation-Code"); code != "" {
		kept["x-amz-pay-simulation-code"] = code
	}
	if o, err := parseObject(body); err == nil {
		flatten(kept, "", o)
	}
	return s.sim.Requests.Add(r, simulator.Request{Operation: operation, Fields: kept})
}

// answered notes how a request ended; a detail says why it was refused.
func (s *Server) answered(entry *simulator.Request, reason, detail string) {
	s.sim.Requests.Answered(entry, reason, detail)
	if reason != "" {
		s.sim.Log.Info("request refused", "operation", entry.Operation, "reason", reason, "detail", detail)
	}
}

// harmless are the fields kept as they are; every other one is hidden, known or not.
var harmless = strings.Fields("amount currencyCode paymentIntent canHandlePendingAuthorization chargePermissionId chargeId " +
	"captureNow chargeInitiator channel chargePermissionType setupOnly unit value merchantReferenceId storeId checkoutMode " +
	"checkoutReviewReturnUrl checkoutResultReturnUrl checkoutCancelUrl cancelPendingCharges presentmentCurrency softDescriptor " +
	"allowOvercharge extendExpiration trackingNumber carrierCode reportType")

// flatten writes the fields of an object under their paths.
func flatten(into map[string]string, path string, o object) {
	for name, v := range o {
		if nested, is := v.(object); is {
			flatten(into, join(path, name), nested)
			continue
		}
		text := "***"
		for _, known := range harmless {
			if name == known && v != nil {
				text = fmt.Sprint(v)
			}
		}
		into[join(path, name)] = text
	}
}
