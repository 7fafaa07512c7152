package sandbox

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// received keeps a request, without card and buyer data, before any fault strikes.
func (s *Server) received(r *http.Request, operation string, fields map[string]string) *simulator.Request {
	return s.sim.Requests.Add(r, simulator.Request{Operation: operation, Fields: redacted(fields)})
}

// answered notes how a request ended; a detail says why it was refused.
func (s *Server) answered(entry *simulator.Request, code, detail string) {
	s.sim.Requests.Answered(entry, code, detail)
	if detail == "" {
		return
	}
	level := slog.LevelInfo
	if code == statusNotChecked+msgOrderUnknown { // so it is with every order while its buyer is at the page
		level = slog.LevelDebug
	}
	s.sim.Log.Log(context.Background(), level, "request refused", "operation", entry.Operation, "code", code, "detail", detail)
}

// harmless are the fields kept as they are; every other one is hidden, known or not.
var harmless = oneOf("command query_command service_command access_code merchant_identifier merchant_reference amount currency language " +
	"payment_option digital_wallet eci remember_me return_url fort_id maintenance_reference token_status installments check_3ds action " +
	"return_third_party_response_codes agreement_id recurring_mode order_description settlement_reference")

func redacted(fields map[string]string) map[string]string {
	kept := maps.Clone(fields)
	for name, value := range kept {
		switch {
		case value == "" || harmless(name):
		case name == "card_number" && len(digitsOf(value)) >= 12:
			kept[name] = masked(digitsOf(value))
		case name == "signature" || name == "token_name":
			kept[name] = value[:min(8, len(value))] + "…"
		default:
			kept[name] = strings.Repeat("*", 3)
		}
	}
	return kept
}
