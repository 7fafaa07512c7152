package simulator

import "time"

// Books are what really happened to the money at the provider, whatever anybody was told.
type Books struct {
	Payments []Payment `json:"payments"`
	// Agreements are what buyers may be charged for again, beyond one order, where the provider has such.
	Agreements []Agreement `json:"agreements,omitempty"`
}

// Agreement is a buyer's consent to be charged again.
type Agreement struct {
	Reference         string `json:"reference"`          // the merchant's, if he gave it one
	ProviderReference string `json:"provider_reference"` // the provider's
	Kind              string `json:"kind"`               // recurring, unscheduled
	State             string `json:"state"`              // active, suspended, ended
}

// Payment is the account of one of the merchant's references. Amounts are in minor units.
type Payment struct {
	Reference         string   `json:"reference"`          // the merchant's
	ProviderReference string   `json:"provider_reference"` // the provider's
	Currency          string   `json:"currency"`
	Authorized        int64    `json:"authorized"`
	Captured          int64    `json:"captured"`
	Refunded          int64    `json:"refunded"`
	Voided            int64    `json:"voided"`
	Effects           []Effect `json:"effects"` // in the order they happened; never null
}

// Effect is one movement of money.
type Effect struct {
	Kind      string    `json:"kind"`                // authorize, capture, refund, void
	Amount    int64     `json:"amount"`              // minor units
	ID        string    `json:"id,omitempty"`        // the provider's of what was moved, where it has one of its own
	Reference string    `json:"reference,omitempty"` // what the merchant called this one, if anything
	By        string    `json:"by"`                  // who asked: page, api, backoffice, provider
	At        time.Time `json:"at"`                  // virtual time
}
