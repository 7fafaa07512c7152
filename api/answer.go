package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// answer is what an operation with effect is answered with, the first time and on replay: the same snapshot through
// the same function, so that the bytes are the same.
type answer struct {
	status   int
	replayed bool
	body     []byte
}

// render turns a stored answer into the bytes of the contract.
func (s *Server) render(a core.Answer) (answer, error) {
	var shown any
	switch a.Kind {
	case "payment":
		var v core.View
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = s.payment(v)
	case "capture", "refund", "authorization":
		var v core.BookingView
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = booking(v)
	case "mandate":
		var v core.MandateView
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = s.mandate(v)
	case "webhook_endpoint":
		var v core.EndpointView
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = s.endpoint(v)
	case "redelivery":
		var v core.Redelivery
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = openapi.Redelivery{Object: "redelivery", Deliveries: int64(v.Deliveries), HasMore: !v.NextFrom.IsZero(), NextFrom: instant(v.NextFrom)}
	case "feedback_replay":
		var v core.ReplayView
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = replay(v)
	case "feedback_replay_list":
		var v core.ReplayListView
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = replays(v)
	case "feedback_import":
		var v core.ImportListView
		if err := json.Unmarshal(a.Snapshot, &v); err != nil {
			return answer{}, err
		}
		shown = imported(v)
	default:
		return answer{}, fmt.Errorf("api: no answer shows a %q", a.Kind)
	}
	body, err := json.Marshal(shown)
	return answer{status: a.Status, replayed: a.Replayed, body: body}, err
}

func (a answer) write(w http.ResponseWriter) error {
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	if a.replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(a.status)
	_, err := w.Write(append(a.body, '\n'))
	return err
}

// The generated server asks each operation for its own method; all of them write the same way.

// VisitCreatePaymentResponse writes the answer.
func (a answer) VisitCreatePaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdatePaymentResponse writes the answer.
func (a answer) VisitUpdatePaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCompletePaymentResponse writes the answer.
func (a answer) VisitCompletePaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitConfirmPaymentResponse writes the answer.
func (a answer) VisitConfirmPaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCancelPaymentResponse writes the answer.
func (a answer) VisitCancelPaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateCaptureResponse writes the answer.
func (a answer) VisitCreateCaptureResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateAuthorizationResponse writes the answer.
func (a answer) VisitCreateAuthorizationResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateRefundResponse writes the answer.
func (a answer) VisitCreateRefundResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateMandateResponse writes the answer.
func (a answer) VisitCreateMandateResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCompleteMandateResponse writes the answer.
func (a answer) VisitCompleteMandateResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitUpdateMandateResponse writes the answer.
func (a answer) VisitUpdateMandateResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCancelMandateResponse writes the answer.
func (a answer) VisitCancelMandateResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitCreateWebhookEndpointResponse writes the answer.
func (a answer) VisitCreateWebhookEndpointResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRotateWebhookSecretResponse writes the answer.
func (a answer) VisitRotateWebhookSecretResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRedeliverEventResponse writes the answer.
func (a answer) VisitRedeliverEventResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitRedeliverToWebhookEndpointResponse writes the answer.
func (a answer) VisitRedeliverToWebhookEndpointResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitResolvePaymentResponse writes the answer.
func (a answer) VisitResolvePaymentResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReplayFeedbackResponse writes the answer.
func (a answer) VisitReplayFeedbackResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitReplayFeedbackWindowResponse writes the answer.
func (a answer) VisitReplayFeedbackWindowResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitImportFeedbackResponse writes the answer.
func (a answer) VisitImportFeedbackResponse(w http.ResponseWriter) error { return a.write(w) }
