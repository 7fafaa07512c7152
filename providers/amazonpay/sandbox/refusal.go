package sandbox

import (
	"fmt"
	"net/http"
)

// refusal is an error as the wire has it.
type refusal struct {
	status int
	Reason string `json:"reasonCode"`
	Text   string `json:"message"`
}

func refuse(status int, reason, format string, args ...any) *refusal {
	return &refusal{status: status, Reason: reason, Text: fmt.Sprintf(format, args...)}
}

func invalidValue(path string) *refusal {
	return refuse(http.StatusBadRequest, "InvalidParameterValue", "The value provided for [%s] is invalid.", path)
}

func missingValue(path string) *refusal {
	return refuse(http.StatusBadRequest, "MissingParameterValue", "The parameter [%s] is missing.", path)
}

func unrecognized(path string) *refusal {
	return refuse(http.StatusBadRequest, "UnrecognizedField", "The field '%s' is invalid for this API.", path)
}

func wrongCombination(text string) *refusal {
	return refuse(http.StatusBadRequest, "InvalidParameterCombination", "%s", text)
}

func notFound(what, id string) *refusal {
	return refuse(http.StatusNotFound, "ResourceNotFound", "%s %s was not found.", what, id)
}

func unprocessable(reason, text string) *refusal {
	return refuse(http.StatusUnprocessableEntity, reason, "%s", text)
}

func tooMuch(path string) *refusal {
	return refuse(http.StatusBadRequest, "TransactionAmountExceeded", "The amount of [%s] is more than is allowed.", path)
}

func otherCurrency(path string) *refusal {
	return refuse(http.StatusBadRequest, "CurrencyMismatch", "The currency of [%s] is not the one of the checkout.", path)
}
