package sandbox

import (
	"net/http"
	"strconv"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// firstPage says what this is, what it stands in for, and where it ends.
func (s *Server) firstPage(w http.ResponseWriter, _ *http.Request) {
	v := s.brandView(nil, "en")
	v.Wide, v.Title, v.Data = true, "Amazon Payment Services simulator", testCards
	s.write(w, http.StatusOK, "home", v)
}

// orderRow is one order as the back office lists it.
type orderRow struct {
	Merchant, Reference, Own, About, FortID, Command, Code, Text, Currency string
	Amount, Authorized, Captured, Refunded, Voided                         string
	CanCapture, CanRefund, CanVoid, CanSettle                              bool
}

func (s *Server) showBackOffice(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listOrders(w, http.StatusOK, "")
}

// listOrders renders the back office, newest order first. The caller holds the lock.
func (s *Server) listOrders(w http.ResponseWriter, status int, problem string) {
	v := s.brandView(nil, "en")
	v.Wide, v.Title, v.Problem = true, "Back office · Amazon Payment Services simulator", problem
	rows := []orderRow{}
	for i := len(s.books.sequence) - 1; i >= 0; i-- {
		o := s.books.sequence[i]
		o.lapse(s.sim.Clock.Now())
		row := orderRow{
			Merchant: o.account.MerchantIdentifier, Reference: o.reference, Own: ownNumber(o.sent), About: o.sent["order_description"], FortID: o.fortID, Command: o.command, Code: o.code, Currency: o.currency,
			Amount: majorAmount(o.amount, o.currency), Authorized: majorAmount(o.authorized, o.currency), Captured: majorAmount(o.captured, o.currency),
			Refunded: majorAmount(o.refunded, o.currency), Voided: majorAmount(o.voided, o.currency),
			CanCapture: o.capturable() > 0, CanRefund: o.captured > o.refunded, CanVoid: o.capturable() > 0 && o.captured == 0, CanSettle: o.isOpen(),
		}
		if o.code != "" {
			row.Text = messageText(o.code, "en")
		}
		rows = append(rows, row)
	}
	v.Data = rows
	s.write(w, status, "backoffice", v)
}

func (s *Server) actInBackOffice(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	in := backOfficeAction{Operation: r.PostFormValue("action"), Merchant: r.PostFormValue("merchant_identifier"), Reference: r.PostFormValue("merchant_reference")}
	switch in.Operation {
	case "settle_approve":
		in.Operation, in.Outcome = "settle", "approve"
	case "settle_decline":
		in.Operation, in.Outcome = "settle", "decline"
	}
	messages, err := s.backOfficeForm(in, r.PostFormValue("amount"))
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listOrders(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	s.send(messages)
	http.Redirect(w, r, "/backoffice", http.StatusSeeOther)
}

func (s *Server) backOfficeForm(in backOfficeAction, amount string) ([]simulator.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if amount != "" {
		minor, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return nil, err
		}
		in.Amount = minor
	}
	return s.actAs(in)
}
