package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// dateLayouts are the two forms of x-amz-pay-date that the SDKs send.
var dateLayouts = []string{"20060102T150405Z", "2006-01-02T15:04:05Z"}

// regionHosts are the service's own names.
var regionHosts = map[string]string{"na": "pay-api.amazon.com", "eu": "pay-api.amazon.eu", "jp": "pay-api.amazon.jp"}

// authenticate says whose request this is, and in which environment. The caller holds the lock.
func (s *Server) authenticate(in *request) (*Account, Environment, *refusal) {
	if no := wellHeaded(in.Request); no != nil {
		return nil, "", no
	}
	auth, understood := parseAuthorization(in.Header.Get("Authorization"))
	if !understood {
		return nil, "", badHeader("authorization")
	}
	key, account := s.keys[auth.keyID], s.keyOwners[auth.keyID]
	if key == nil {
		return nil, "", refuse(http.StatusForbidden, "InvalidAuthentication", "The public key id [%s] is unknown.", auth.keyID)
	}
	if no := s.checkSignature(in, auth, key); no != nil {
		return nil, "", no
	}
	environment, agreed := agree(key.environments(), in.environment)
	switch {
	case !agreed:
		return nil, "", refuse(http.StatusUnauthorized, "UnauthorizedAccess", "The key [%s] has no access to %s.", auth.keyID, in.path)
	case !strings.EqualFold(in.Header.Get("X-Amz-Pay-Region"), account.Region):
		return nil, "", badHeader("x-amz-pay-region")
	case !s.isHost(in.Request, account.Region):
		return nil, "", badHeader("x-amz-pay-host")
	case account.Suspended:
		return nil, "", refuse(http.StatusForbidden, "InvalidAccountStatus", "The merchant account [%s] cannot be used.", account.MerchantID)
	case len(in.Header.Values("X-Amz-Pay-Authtoken")) > 0:
		return nil, "", refuse(http.StatusForbidden, "InvalidAuthorizationToken", "The authorization token is not valid.")
	}
	return account, environment, nil
}

func badHeader(name string) *refusal {
	return refuse(http.StatusBadRequest, "InvalidHeaderValue", "The value of the header [%s] is invalid.", name)
}

// wellHeaded checks what every request must have, before its signature.
func wellHeaded(r *http.Request) *refusal {
	for _, name := range []string{"Authorization", "X-Amz-Pay-Date", "X-Amz-Pay-Host", "X-Amz-Pay-Region"} {
		values := r.Header.Values(name)
		lower := strings.ToLower(name)
		switch {
		case len(values) == 0:
			return refuse(http.StatusBadRequest, "MissingHeader", "The header [%s] is missing.", lower)
		case values[0] == "":
			return refuse(http.StatusBadRequest, "MissingHeaderValue", "The header [%s] has no value.", lower)
		case len(values) > 1:
			return badHeader(lower)
		}
	}
	if _, known := regionHosts[strings.ToLower(r.Header.Get("X-Amz-Pay-Region"))]; !known {
		return badHeader("x-amz-pay-region")
	}
	if _, understood := payDate(r); !understood {
		return badHeader("x-amz-pay-date")
	}
	if t := r.Header.Get("Content-Type"); t != "" && !strings.HasPrefix(strings.ToLower(t), "application/json") {
		return badHeader("content-type")
	}
	return nil
}

func payDate(r *http.Request) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, r.Header.Get("X-Amz-Pay-Date")); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// period is from the true time to the virtual one: who moves the simulator's clock ahead may have left his own where it is.
type period struct{ from, to time.Time }

func (p period) has(t time.Time, skew time.Duration) bool {
	return !t.Before(p.from.Add(-skew)) && !t.After(p.to.Add(skew))
}

// checkSignature refuses with the string that should have been signed, as the real one does; the log has the whole
// canonical request.
func (s *Server) checkSignature(in *request, auth authorization, key *Key) *refusal {
	text, covered := canonicalRequest(in.Request, in.path, in.body, auth.signed)
	date, _ := payDate(in.Request)
	timely := in.arrived.has(date, s.config.ClockSkew)
	if covered && verifies(key.public, auth.algorithm, text, auth.signature) && timely {
		return nil
	}
	s.sim.Log.Debug("signature refused", "canonical", text, "listed headers complete", covered, "date in time", timely)
	return refuse(http.StatusForbidden, "InvalidRequestSignature", "Unable to verify signature, signing String [%s] , signature [%s]",
		stringToSign(auth.algorithm, text), auth.signature)
}

// agree finds the one environment that key and path name together. A plain key needs it in the path.
func agree(ofKey []Environment, ofPath Environment) (Environment, bool) {
	if ofPath == "" {
		return ofKey[0], len(ofKey) == 1
	}
	return ofPath, slices.Contains(ofKey, ofPath)
}

// isHost accepts the service's own name and the simulator's, with or without its port.
func (s *Server) isHost(r *http.Request, region string) bool {
	claimed := strings.ToLower(r.Header.Get("X-Amz-Pay-Host"))
	configured, err := url.Parse(s.config.URL)
	if err != nil {
		return false
	}
	for _, known := range []string{r.Host, configured.Host} {
		name, _, _ := strings.Cut(known, ":")
		if known != "" && (claimed == strings.ToLower(known) || claimed == strings.ToLower(name)) {
			return true
		}
	}
	return claimed == regionHosts[region]
}
