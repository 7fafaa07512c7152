package sandbox

import (
	"github.com/paymux/paymux/providers/internal/simulator"
)

// face is the simulator as its control port sees it.
type face struct{ s *Server }

func (f face) Books() simulator.Books { return f.s.Books() }

// Credentials are the first account's, in the names of Amazon's own SDKs.
func (f face) Credentials() any {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	a := f.s.accounts[f.s.first]
	return map[string]any{
		"merchantId": a.MerchantID, "storeId": a.StoreIDs[0], "region": a.Region, "ledgerCurrency": a.LedgerCurrency,
		"publicKeyId": a.Keys[0].ID, "privateKey": a.Keys[0].PrivateKey, "publicKey": a.Keys[0].PublicKey,
		"algorithm": "AMZN-PAY-RSASSA-PSS-V2", "sandbox": a.Keys[0].environments()[0] == Sandbox,
		"notificationCertificate": string(f.s.signer.certificate), "topicArn": a.Topic(),
	}
}

// Pages lists the hosted pages.
func (f face) Pages() []simulator.Page {
	return append(hostedPages(), simulator.Page{
		Name: "back office", Path: "/backoffice", Inputs: []string{"chargePermissionId", "amount"}, Actions: backOfficeActions(),
	})
}

func (f face) Operations() []string { return append(operationNames(), hostedOperations...) }

func (f face) Reset() {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.forget()
}
