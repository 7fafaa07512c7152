package sandbox

import (
	"net/http"
)

// permissionOf is the permission that a path names. The caller holds the lock.
func (s *Server) permissionOf(c *call) (*permission, *refusal) {
	p := s.permissions[c.ids[0]]
	if p == nil || p.owner != c.owner {
		return nil, notFound("Charge permission", c.ids[0])
	}
	return p, nil
}

func (s *Server) getPermission(c *call) (int, any, *refusal) {
	p, no := s.permissionOf(c)
	if no != nil {
		return 0, nil, no
	}
	return http.StatusOK, p.view(s.sim.Clock.Now()), nil
}

// updatePermission changes the merchant's own data, and how often and how much a Recurring one will be charged. Of a closed
// one only what is still empty can be set, and of OneTime ones only.
func (s *Server) updatePermission(c *call) (int, any, *refusal) {
	p, no := s.permissionOf(c)
	if no != nil {
		return 0, nil, no
	}
	in := struct {
		MerchantMetadata  merchantMetadata   `json:"merchantMetadata"`
		RecurringMetadata *recurringMetadata `json:"recurringMetadata"`
	}{MerchantMetadata: clone(p.metadata)}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	if in.RecurringMetadata == nil {
		in.RecurringMetadata = p.recurrence
	} else { // it comes whole: all of what is in force after the change
		switch {
		case p.kind != recurring:
			return 0, nil, wrongCombination("recurringMetadata is for Recurring charge permissions only.")
		case in.RecurringMetadata.Frequency == nil:
			return 0, nil, missingValue("recurringMetadata.frequency")
		}
	}
	if no := in.RecurringMetadata.check(c.account); no != nil {
		return 0, nil, no
	}
	if p.State == closed && (p.kind != oneTime || overwrites(p.metadata, in.MerchantMetadata)) {
		return 0, nil, unprocessable("ChargePermissionNotModifiable", "The charge permission is closed.")
	}
	p.metadata, p.recurrence, p.Updated = in.MerchantMetadata, in.RecurringMetadata, s.sim.Clock.Now()
	return http.StatusOK, p.view(s.sim.Clock.Now()), nil
}

// overwrites says whether a change touches a field that is not empty.
func overwrites(was, is merchantMetadata) bool {
	for _, pair := range [][2]*string{
		{was.MerchantReferenceID, is.MerchantReferenceID}, {was.MerchantStoreName, is.MerchantStoreName},
		{was.NoteToBuyer, is.NoteToBuyer}, {was.CustomInformation, is.CustomInformation},
	} {
		if isSet(pair[0]) && value(pair[0]) != value(pair[1]) {
			return true
		}
	}
	return false
}

// closeCall ends a permission. Charges that were not captured yet stay, unless cancelPendingCharges says otherwise.
func (s *Server) closeCall(c *call) (int, any, *refusal) {
	p, no := s.permissionOf(c)
	if no != nil {
		return 0, nil, no
	}
	var in struct {
		ClosureReason        string `json:"closureReason"`
		CancelPendingCharges bool   `json:"cancelPendingCharges"`
	}
	if no := c.into(&in); no != nil {
		return 0, nil, no
	}
	if p.State == closed {
		return 0, nil, unprocessable("InvalidChargePermissionStatus", "The charge permission is closed already.")
	}
	reason := "MerchantClosed"
	if in.CancelPendingCharges {
		reason = "MerchantCanceled" // which of the two it is when, is not documented
	}
	if c.code != "" {
		reason = c.code
	}
	c.tell(s.closePermission(p, reason, in.ClosureReason, byAPI, in.CancelPendingCharges))
	return http.StatusOK, p.view(s.sim.Clock.Now()), nil
}
