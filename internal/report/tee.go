package report

// tee tells each event to several observers.
type tee []Observer

var _ Observer = tee(nil)

// Tee gives an observer that tells all of them.
func Tee(observers ...Observer) Observer { return tee(observers) }

// Observe implements Observer.
func (t tee) Observe(e Event) {
	for _, o := range t {
		o.Observe(e)
	}
}
