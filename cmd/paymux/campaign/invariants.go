package campaign

// check compares, when everything has come to rest, what the program says with what happened.
func (w *World) check() {
	for _, p := range w.books() {
		w.trace.note("books %s %d/%d/%d voided %d", p.Reference, p.Authorized, p.Captured, p.Refunded, p.Voided)
		for range p.Effects {
			w.count("effect")
		}
	}
}
