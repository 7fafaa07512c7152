package sandbox

import (
	"io"
	"net/http"
	"slices"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// endpoint is one address that an account's notifications of an environment go to.
type endpoint struct {
	owner
	url string
}

// confirmations are the SubscriptionConfirmation messages of new endpoints, where the account has them sent: nothing else
// reaches an endpoint before it was confirmed. The caller holds the lock.
func (s *Server) confirmations(a *Account, environment Environment, known []string) []simulator.Message {
	if !a.SubscriptionConfirmation {
		return nil
	}
	var messages []simulator.Message
	for _, to := range a.IPNEndpoints[environment] {
		if slices.Contains(known, to) {
			continue
		}
		e := envelope{
			Type: "SubscriptionConfirmation", TopicArn: a.Topic(), Token: s.sim.Random.Hex(32),
			Message: "You have chosen to subscribe to the topic " + a.Topic() + ". To confirm the subscription, visit the SubscribeURL included in this message.",
		}
		s.unconfirmed[endpoint{owner{a.MerchantID, environment}, to}] = e.Token
		e.SubscribeURL = s.url + subscribePath + "?Action=ConfirmSubscription&TopicArn=" + e.TopicArn + "&Token=" + e.Token
		e = s.seal(e)
		forged := e
		forged.Token = s.sim.Random.Hex(32)
		messages = append(messages, message(a.MerchantID, e.Type, to, e, forged))
	}
	return messages
}

// confirmSubscription is what SubscribeURL leads to.
func (s *Server) confirmSubscription(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml")
	for to, token := range s.unconfirmed {
		if r.FormValue("Action") == "ConfirmSubscription" && r.FormValue("Token") == token && r.FormValue("TopicArn") == s.accounts[to.merchantID].Topic() {
			delete(s.unconfirmed, to)
			_, _ = io.WriteString(w, "<ConfirmSubscriptionResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ConfirmSubscriptionResult>"+
				"<SubscriptionArn>"+r.FormValue("TopicArn")+":"+subscription+"</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>")
			return
		}
	}
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>InvalidParameter</Code>"+
		"<Message>Invalid parameter: Token</Message></Error></ErrorResponse>")
}
