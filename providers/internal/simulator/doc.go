// Package simulator is what the provider simulators share: a control port, a virtual clock, faults,
// a feedback sender with the provider's retry rule, a log of requests and the look of the hosted pages.
//
// A provider's sandbox adds its own wire and its own books:
//
//	sim := simulator.New(simulator.Options{Client: client, Rule: rule})
//	control := sim.Control(face)                  // face tells books, credentials, pages, operations
//	mux.Handle("/_control", control)              // the list of what there is
//	mux.Handle("/_control/", control)
//	sim.Faults.Serve(w, r, "CAPTURE", handle)     // handle runs under the fault that is due, if any
//	sim.Feedback.Send(message)                    // one order per payment, retried, or disturbed on demand
//
// No signing, parsing or table of any provider lives here, and nothing here is used by an adapter.
package simulator
