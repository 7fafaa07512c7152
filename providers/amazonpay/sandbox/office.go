package sandbox

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/paymux/paymux/providers/internal/simulator"
)

// permissionRow is one charge permission as the back office lists it.
type permissionRow struct {
	Reference, Information, ID, Kind, State, Why, Merchant, Limit string
	Environment                                                   Environment
	Charges                                                       []chargeRow
	Actions                                                       []string
}

type chargeRow struct{ ID, State, Why, Amount, Captured, Refunded string }

func (s *Server) showBackOffice(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listPermissions(w, http.StatusOK, "")
}

// listPermissions renders the back office, newest first. The caller holds the lock.
func (s *Server) listPermissions(w http.ResponseWriter, status int, problem string) {
	rows := []permissionRow{}
	for _, p := range slices.Backward(s.order) {
		row := permissionRow{
			Reference: value(p.metadata.MerchantReferenceID), Information: value(p.metadata.CustomInformation), ID: p.id, Kind: p.kind, State: p.State, Why: p.Reason, Merchant: p.merchantID,
			Environment: p.environment, Limit: p.currency + " " + majorText(p.amountLimit(), p.currency), Actions: p.possible(),
		}
		for _, c := range p.charges {
			currency := c.amount.CurrencyCode
			row.Charges = append(row.Charges, chargeRow{ID: c.id, State: c.State, Why: c.Reason, Amount: currency + " " + majorText(c.amount.minor(), currency),
				Captured: majorText(c.captured, currency), Refunded: majorText(c.refunded, currency)})
		}
		rows = append(rows, row)
	}
	v := blank("en")
	v.Wide, v.Title, v.Message, v.Data = true, "Back office · "+v.T("title"), problem, rows
	s.write(w, status, "backoffice", v)
}

// possible are the actions that fit a permission and its newest charge.
func (p *permission) possible() []string {
	var list []string
	if len(p.charges) > 0 {
		c := p.charges[len(p.charges)-1]
		switch {
		case c.decide != nil || c.refunding > 0:
			list = append(list, "settle_approve", "settle_decline")
		case c.State == authorized:
			list = append(list, "capture", "cancel")
		case c.State == captured:
			list = append(list, "refund", "a_to_z", "chargeback")
		}
	}
	switch p.State {
	case chargeable:
		list = append(list, "suspend", "buyer_close", "amazon_close")
	case nonChargeable:
		if p.suspended() {
			list = append(list, "restore")
		}
		list = append(list, "buyer_close", "amazon_close")
	}
	return list
}

func (s *Server) actInBackOffice(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	in := backOfficeAction{Operation: r.PostFormValue("action"), ChargePermissionID: r.PostFormValue("chargePermissionId"), ChargeID: r.PostFormValue("chargeId")}
	messages, err := s.backOfficeForm(in, r.PostFormValue("amount"))
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listPermissions(w, http.StatusUnprocessableEntity, err.Error())
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

// officeWords are the actions of the back office as its buttons say them.
var officeWords = map[string]string{
	"capture": "Capture", "cancel": "Cancel charge", "refund": "Refund", "settle_approve": "Settle as approved", "settle_decline": "Settle as declined",
	"a_to_z": "A-to-z claim", "chargeback": "Chargeback", "suspend": "Suspend instrument", "restore": "Restore instrument",
	"buyer_close": "Close as the buyer", "amazon_close": "Close as Amazon", "cancel_amazon": "Cancel charge as Amazon",
}

// Does is the label of a back office action.
func (v view) Does(action string) string { return officeWords[action] }
