package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// others are what operations beside payment keep: enough to be asked about, no more.
type others struct {
	reports   []report
	schedules []schedule
	tracked   map[string]bool // tracking numbers of a merchant in an environment
}

func newOthers() others { return others{tracked: map[string]bool{}} }

type report struct {
	owner
	ReportID         string  `json:"reportId"`
	ReportType       string  `json:"reportType"`
	StartTime        *string `json:"startTime"`
	EndTime          *string `json:"endTime"`
	CreatedTime      *string `json:"createdTime"`
	ProcessingStatus string  `json:"processingStatus"` // IN_PROGRESS for ever: no report is written here
	ReportDocumentID *string `json:"reportDocumentId"`
}

type schedule struct {
	owner
	ReportScheduleID       string  `json:"reportScheduleId"`
	ReportType             string  `json:"reportType"`
	ScheduleFrequency      string  `json:"scheduleFrequency"`
	NextReportCreationTime *string `json:"nextReportCreationTime"`
}

var (
	reportTypes = oneOf("_GET_FLAT_FILE_OFFAMAZONPAYMENTS_SETTLEMENT_DATA_ _GET_FLAT_FILE_OFFAMAZONPAYMENTS_SANDBOX_SETTLEMENT_DATA_ " +
		"_GET_FLAT_FILE_OFFAMAZONPAYMENTS_ORDER_REFERENCE_DATA_ _GET_FLAT_FILE_OFFAMAZONPAYMENTS_BILLING_AGREEMENT_DATA_ " +
		"_GET_FLAT_FILE_OFFAMAZONPAYMENTS_AUTHORIZATION_DATA_ _GET_FLAT_FILE_OFFAMAZONPAYMENTS_CAPTURE_DATA_ " +
		"_GET_FLAT_FILE_OFFAMAZONPAYMENTS_REFUND_DATA_")
	orderReport    = groupOf(fields{"reportType": reportTypes, "startTime": freeText, "endTime": freeText}).needs("reportType")
	scheduleReport = groupOf(fields{"reportType": reportTypes, "scheduleFrequency": reqText, "nextReportCreationTime": freeText,
		"deleteExistingSchedule": yesNo}).needs("reportType", "scheduleFrequency")
)

// otherOperations are those beside payment. What is for payment service providers, solution providers or shops with tills
// is refused: no account here is one.
func otherOperations() []*operation {
	list := []*operation{
		{name: "GetReports", method: http.MethodGet, path: "reports", do: (*Server).listReports},
		{name: "GetReportById", method: http.MethodGet, path: "reports/*", do: (*Server).getReport},
		{name: "CreateReport", method: http.MethodPost, path: "reports", keyed: true, body: orderReport, do: (*Server).createReport},
		{name: "GetReportDocument", method: http.MethodGet, path: "report-documents/*", do: none("Report document")},
		{name: "GetReportSchedules", method: http.MethodGet, path: "report-schedules", do: (*Server).listSchedules},
		{name: "GetReportScheduleById", method: http.MethodGet, path: "report-schedules/*", do: (*Server).getSchedule},
		{name: "CreateReportSchedule", method: http.MethodPost, path: "report-schedules", keyed: true, body: scheduleReport, do: (*Server).createSchedule},
		{name: "CancelReportSchedule", method: http.MethodDelete, path: "report-schedules/*", body: unexamined, do: (*Server).cancelSchedule},
		{name: "GetDisbursements", method: http.MethodGet, path: "disbursements", do: (*Server).listDisbursements},
	}
	for _, of := range []struct {
		who    string
		routes string
	}{
		{"solution providers", "CreateMerchantAccount POST merchantAccounts UpdateMerchantAccount PATCH merchantAccounts/* " +
			"DeleteMerchantAccount DELETE merchantAccounts/* ClaimMerchantAccount POST merchantAccounts/*/claim " +
			"CreateStore POST merchantAccounts/*/stores UpdateStore PATCH merchantAccounts/*/stores/*"},
		{"payment service providers", "CreateDispute POST disputes GetDispute GET disputes/* UpdateDispute PATCH disputes/* " +
			"ContestDispute POST disputes/*/contest UploadFile POST files"},
		{"merchants with tills", "InStoreMerchantScan POST in-store/merchantScan InStoreCharge POST in-store/charge InStoreRefund POST in-store/refund"},
	} {
		for words := range slices.Chunk(strings.Fields(of.routes), 3) {
			list = append(list, &operation{name: words[0], method: words[1], path: words[2], body: unexamined, do: onlyFor(of.who)})
		}
	}
	return list
}

// onlyFor refuses what an ordinary merchant account may not do.
func onlyFor(who string) func(*Server, *call) (int, any, *refusal) {
	return func(*Server, *call) (int, any, *refusal) {
		return 0, nil, refuse(http.StatusUnauthorized, "UnauthorizedAccess", "This operation is for %s only.", who)
	}
}

// none finds nothing, for there is nothing.
func none(what string) func(*Server, *call) (int, any, *refusal) {
	return func(_ *Server, c *call) (int, any, *refusal) { return 0, nil, notFound(what, c.ids[0]) }
}

// getBuyer tells who signed in, for a day.
func (s *Server) getBuyer(c *call) (int, any, *refusal) {
	t := s.tokens[c.ids[0]]
	if t == nil || t.owner != c.owner || s.sim.Clock.Now().After(t.expires) {
		return 0, nil, notFound("Buyer", c.ids[0])
	}
	return http.StatusOK, t.view(), nil
}

type wholeBuyer struct {
	BuyerID              string   `json:"buyerId"`
	Name                 *string  `json:"name"`
	Email                *string  `json:"email"`
	PostalCode           *string  `json:"postalCode"`
	CountryCode          *string  `json:"countryCode"`
	PhoneNumber          *string  `json:"phoneNumber"`
	ShippingAddress      *address `json:"shippingAddress"`
	BillingAddress       *address `json:"billingAddress"`
	PrimeMembershipTypes []string `json:"primeMembershipTypes"`
}

// view is the buyer by the scopes of the sign-in; without any it is the id alone.
func (t *buyerToken) view() wholeBuyer {
	v := wholeBuyer{BuyerID: t.buyer.idFor(t.merchantID)}
	if len(t.scopes) == 0 {
		return v
	}
	known := t.buyer.view(t.merchantID, t.scopes)
	v.Name, v.Email, v.PhoneNumber, v.PrimeMembershipTypes = known.Name, known.Email, known.PhoneNumber, known.PrimeMembershipTypes
	home := &t.buyer.addresses[0]
	for _, scope := range t.scopes {
		switch scope {
		case "postalCode":
			v.PostalCode, v.CountryCode = home.PostalCode, home.CountryCode
		case "shippingAddress":
			v.ShippingAddress = home
		case "billingAddress":
			v.BillingAddress = &t.buyer.billing
		}
	}
	return v
}

// trackDelivery takes the numbers of parcels, each once.
func (s *Server) trackDelivery(c *call) (int, any, *refusal) {
	var in struct {
		ChargePermissionID     string           `json:"chargePermissionId,omitempty"`
		AmazonOrderReferenceID string           `json:"amazonOrderReferenceId,omitempty"`
		DeliveryDetails        []map[string]any `json:"deliveryDetails"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	id := in.ChargePermissionID + in.AmazonOrderReferenceID
	switch {
	case id == "":
		return 0, nil, missingValue("chargePermissionId")
	case in.ChargePermissionID != "" && in.AmazonOrderReferenceID != "":
		return 0, nil, wrongCombination("chargePermissionId and amazonOrderReferenceId exclude each other.")
	case len(in.DeliveryDetails) == 0:
		return 0, nil, missingValue("deliveryDetails")
	}
	if p := s.permissions[id]; p == nil || p.owner != c.owner {
		return 0, nil, notFound("Charge permission", id)
	}
	fresh := map[string]bool{}
	for _, d := range in.DeliveryDetails {
		number := c.merchantID + "/" + string(c.environment) + "/" + d["trackingNumber"].(string) // its shape says so
		if s.others.tracked[number] || fresh[number] {
			return 0, nil, invalidValue("deliveryDetails.trackingNumber")
		}
		fresh[number] = true
	}
	for number := range fresh {
		s.others.tracked[number] = true
	}
	return http.StatusOK, in, nil
}

// authorizationToken is for solution providers, in the live environment only.
func (s *Server) authorizationToken(c *call) (int, any, *refusal) {
	if c.environment == Sandbox {
		return 0, nil, refuse(http.StatusMethodNotAllowed, "RequestNotSupported", "There are no authorization tokens in the sandbox.")
	}
	return onlyFor("solution providers")(s, c)
}
