package core

import (
	"time"
)

// Then is what core does when the buyer is back; told by the action, not guessed from interfaces.
type Then string

// What follows a return.
const (
	ThenAwait    Then = "await"    // feedback is the evidence
	ThenQuery    Then = "query"    // ask
	ThenRead     Then = "read"     // ReadSession, then requires_confirmation
	ThenComplete Then = "complete" // Complete
	ThenConfirm  Then = "confirm"  // the browser brought what Confirm needs
)

// Types of a NextAction.
const (
	NextRedirect     = "redirect_to_url"
	NextPostForm     = "post_form"
	NextWidget       = "render_widget"
	NextInstructions = "show_instructions"
	NextAwait        = "await_result"
	NextNone         = "none"
)

// NextAction is what the buyer must do.
type NextAction struct {
	Type      string       `json:"type"`
	Then      Then         `json:"then"`
	URL       string       `json:"url,omitempty"`
	Method    string       `json:"method,omitempty"`
	Fields    [][2]string  `json:"fields,omitempty"` // name, value; in the order to be sent
	Widget    *Widget      `json:"widget,omitempty"`
	Bank      *BankDetails `json:"bank,omitempty"`
	Accepts   []string     `json:"accepts,omitempty"` // names the browser may bring back
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
	Resumable bool         `json:"resumable,omitempty"` // may be performed again after the buyer came back without a result
}

// Widget is a provider's script element.
type Widget struct {
	SDK       string         `json:"sdk"` // amazon_pay, amazon_pay_v1, payone_fields
	ScriptURL string         `json:"script_url"`
	Config    map[string]any `json:"config"`
	Form      string         `json:"form,omitempty"` // of a simulator: takes as a form what the script would post
}

// BankDetails say where the buyer transfers money to.
type BankDetails struct {
	Holder    string    `json:"holder"`
	IBAN      string    `json:"iban"`
	BIC       string    `json:"bic"`
	Bank      string    `json:"bank"`
	Reference string    `json:"reference"`
	Due       time.Time `json:"due,omitzero"`
}
