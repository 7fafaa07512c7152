package shop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/paymux/paymux/api/openapi/client"
)

// HooksPath is where the shop is told of its events, at an address of its own: nothing is sent to the program itself.
const HooksPath = "/hooks"

// notice is an event that the shop was told of.
type notice struct {
	At       time.Time // of the first time
	ID       string
	Type     string
	Sequence int64
	Status   client.PaymentStatus
	Times    int // an event may come more than once
}

// hooks is what the shop was told of, of its latest payments.
type hooks struct {
	mu       sync.Mutex
	verifier *standardwebhooks.Webhook // nil before the endpoint is registered
	payments []string                  // the oldest first
	notices  map[string][]notice       // by payment
}

// paymentsTold is of how many payments the shop remembers what it was told.
const paymentsTold = 200

// madeBy is how the shop knows its own endpoint again.
const madeBy = "paymux demo shop"

// Register has the shop told of everything at url, and gives the secret that the deliveries are signed with. What an
// earlier shop registered is ended.
func (s *Shop) Register(ctx context.Context, url string) (secret string, err error) {
	limit := int64(100)
	old, err := s.api.ListWebhookEndpointsWithResponse(ctx, &client.ListWebhookEndpointsParams{Limit: &limit})
	if err != nil {
		return "", err
	}
	if old.JSON200 == nil {
		return "", errors.New("the webhook endpoints cannot be read: " + refusal(old, nil))
	}
	for _, e := range old.JSON200.Data {
		if e.Description != nil && *e.Description == madeBy {
			if _, err := s.api.DeleteWebhookEndpointWithResponse(ctx, e.ID); err != nil {
				return "", err
			}
		}
	}
	made, err := s.api.CreateWebhookEndpointWithResponse(ctx, &client.CreateWebhookEndpointParams{IdempotencyKey: rand.Text()},
		client.CreateWebhookEndpoint{URL: url, Description: madeBy})
	if err != nil {
		return "", err
	}
	if made.JSON201 == nil {
		return "", errors.New("the shop's webhook endpoint was refused: " + refusal(made, nil))
	}
	verifier, err := standardwebhooks.NewWebhook(made.JSON201.Secret)
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.verifier = verifier
	return made.JSON201.Secret, err
}

// Hooks is the handler of HooksPath. It believes what is signed with the shop's secret, keeps the ids it has seen, and
// answers at once.
func (s *Shop) Hooks() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+HooksPath, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err := s.hooks.take(body, r.Header); err != nil {
			http.Error(w, "not signed with the secret of this shop", http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (h *hooks) take(body []byte, header http.Header) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.verifier == nil {
		return errors.New("nothing was registered")
	}
	if err := h.verifier.Verify(body, header); err != nil {
		return err
	}
	var e client.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	if e.Data.Payment == nil {
		return nil
	}
	h.note(e.Data.Payment.ID, notice{At: time.Now(), ID: e.ID, Type: string(e.Type), Sequence: e.Data.Sequence, Status: e.Data.Payment.Status, Times: 1})
	return nil
}

func (h *hooks) note(payment string, n notice) {
	if h.notices == nil {
		h.notices = map[string][]notice{}
	}
	list, known := h.notices[payment]
	if !known {
		h.payments = append(h.payments, payment)
		if len(h.payments) > paymentsTold {
			delete(h.notices, h.payments[0])
			h.payments = h.payments[1:]
		}
	}
	if i := slices.IndexFunc(list, func(old notice) bool { return old.ID == n.ID }); i >= 0 {
		list[i].Times++
		return
	}
	list = append(list, n)
	slices.SortFunc(list, func(a, b notice) int { return int(a.Sequence - b.Sequence) }) // they come in any order
	h.notices[payment] = list
}

// of is what the shop was told about a payment, in the order in which it happened.
func (h *hooks) of(payment string) []notice {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.notices[payment])
}
