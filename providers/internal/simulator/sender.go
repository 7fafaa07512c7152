package simulator

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Sender sends feedback. Each payment has its own queue, so one merchant's failing message delays only its own payment.
type Sender struct {
	client       *http.Client
	ownTransport bool
	clock        *Clock
	rule         Rule
	log          *slog.Logger
	ctx          context.Context
	stop         context.CancelFunc
	wg           sync.WaitGroup

	mu     sync.Mutex
	closed bool
	epoch  int // grows with Reset: what was queued before is void
	mode   Mode
	left   int // messages the mode is still for; 0: until changed
	queues map[string][]*item
	late   map[string]Message // reordered: waits for the payment's next message
	held   []Message
	tries  []Try
}

type item struct {
	Message
	mode  Mode
	tries int
	limit int
	tried chan struct{} // closed after the first try
}

// NewSender is in normal mode.
func NewSender(client *http.Client, clock *Clock, rule Rule, log *slog.Logger) *Sender {
	own := http.Client{Transport: &http.Transport{}} // not the shared one: Close ends its connections
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, stop := context.WithCancel(context.Background())
	return &Sender{
		client: &own, ownTransport: client == nil, clock: clock, rule: rule, log: log, ctx: ctx, stop: stop, mode: Normal,
		queues: map[string][]*item{}, late: map[string]Message{},
	}
}

// SetMode sets how the next times messages travel; 0 means all until it is set again.
func (s *Sender) SetMode(mode Mode, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode, s.left = mode, times
}

// Release sends what was held back, in the order it arose, and ends holding back.
func (s *Sender) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode == HoldBack {
		s.mode, s.left = Normal, 0
	}
	held := s.held
	s.held = nil
	for _, m := range held {
		s.enqueue(m, HoldBack, s.rule.Tries)
	}
}

// Send takes one message. It returns at once, except in Early mode.
// It must not be called with a lock held that the receiver's reaction needs.
func (s *Sender) Send(m Message) {
	if m.URL == "" {
		return
	}
	s.mu.Lock()
	mode := s.takeMode()
	var first *item
	if late, waits := s.late[m.Payment]; waits {
		delete(s.late, m.Payment)
		s.enqueue(m, mode, s.rule.Tries)
		s.enqueue(late, Reorder, s.rule.Tries)
		s.mu.Unlock()
		return
	}
	switch mode {
	case HoldBack:
		s.held = append(s.held, m)
		s.note(Try{Payment: m.Payment, Kind: m.Kind, URL: m.URL, Mode: mode})
	case Lose:
		s.note(Try{Payment: m.Payment, Kind: m.Kind, URL: m.URL, Mode: mode})
	case Reorder:
		s.delay(m)
	case Duplicate:
		s.enqueue(m, mode, s.rule.Tries)
		s.enqueue(m, mode, s.rule.Tries)
	case Forge:
		forged := m
		forged.Body = m.Forged
		s.enqueue(forged, mode, 1)
		s.enqueue(m, mode, s.rule.Tries)
	default:
		first = s.enqueue(m, mode, s.rule.Tries)
	}
	s.mu.Unlock()
	if mode == Early && first != nil {
		s.await(first)
	}
}

func (s *Sender) takeMode() Mode {
	mode := s.mode
	if s.left > 0 {
		if s.left--; s.left == 0 {
			s.mode = Normal
		}
	}
	return mode
}

// delay keeps m for the payment's next message. The caller holds the lock.
func (s *Sender) delay(m Message) {
	s.late[m.Payment] = m
	epoch := s.epoch
	s.clock.AfterFunc(s.rule.Gap(1), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, waits := s.late[m.Payment]; waits && epoch == s.epoch {
			delete(s.late, m.Payment)
			s.enqueue(m, Reorder, s.rule.Tries)
		}
	})
}

func (s *Sender) await(first *item) {
	limit := time.NewTimer(s.rule.Timeout)
	defer limit.Stop()
	select {
	case <-first.tried:
	case <-limit.C:
	case <-s.ctx.Done():
	}
}

// enqueue adds a message to its payment's queue and starts the queue. The caller holds the lock.
func (s *Sender) enqueue(m Message, mode Mode, limit int) *item {
	if s.closed {
		return nil
	}
	it := &item{Message: m, mode: mode, limit: limit, tried: make(chan struct{})}
	queue, active := s.queues[m.Payment]
	s.queues[m.Payment] = append(queue, it)
	if !active {
		epoch := s.epoch
		s.wg.Go(func() { s.run(m.Payment, epoch) })
	}
	return it
}

// run sends a payment's messages until none is left or one has to wait for its next try.
func (s *Sender) run(payment string, epoch int) {
	for {
		it := s.head(payment, epoch)
		if it == nil {
			return
		}
		accepted := s.try(it)
		if it.tries == 1 {
			close(it.tried)
		}
		if !accepted && it.tries < it.limit {
			s.clock.AfterFunc(s.rule.Gap(it.tries), func() { s.run(payment, epoch) })
			return
		}
		s.pop(payment, epoch)
	}
}

func (s *Sender) head(payment string, epoch int) *item {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || epoch != s.epoch {
		return nil
	}
	queue := s.queues[payment]
	if len(queue) == 0 {
		delete(s.queues, payment)
		return nil
	}
	return queue[0]
}

func (s *Sender) pop(payment string, epoch int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if queue := s.queues[payment]; epoch == s.epoch && len(queue) > 0 {
		s.queues[payment] = queue[1:]
	}
}

// try sends once and writes the log.
func (s *Sender) try(it *item) bool {
	it.tries++
	status, accepted, err := s.post(it.Message)
	entry := Try{Payment: it.Payment, Kind: it.Kind, URL: it.URL, Mode: it.mode, Number: it.tries, Status: status, Accepted: accepted}
	if err != nil {
		entry.Error = err.Error()
	}
	s.mu.Lock()
	s.note(entry)
	s.mu.Unlock()
	s.log.Debug("feedback sent", "kind", it.Kind, "payment", it.Payment, "try", it.tries, "status", status, "accepted", accepted)
	return accepted
}

func (s *Sender) post(m Message) (status int, accepted bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.rule.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return 0, false, err
	}
	for name, values := range m.Header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", m.ContentType)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return resp.StatusCode, false, err
	}
	return resp.StatusCode, s.rule.Accepted(resp.StatusCode, body), nil
}

// note adds a line to the log. The caller holds the lock.
func (s *Sender) note(t Try) {
	t.At = s.clock.Now().UTC()
	if len(s.tries) == keptTries {
		s.tries = s.tries[1:]
	}
	s.tries = append(s.tries, t)
}

// State tells mode, queue and log.
func (s *Sender) State() FeedbackState {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued := len(s.late)
	for _, queue := range s.queues {
		queued += len(queue)
	}
	return FeedbackState{Mode: s.mode, Left: s.left, Held: len(s.held), Queued: queued, Tries: append([]Try{}, s.tries...)}
}

// Reset drops what is queued or held, forgets the log and returns to normal mode.
func (s *Sender) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.mode, s.left = Normal, 0
	s.queues, s.late, s.held, s.tries = map[string][]*item{}, map[string]Message{}, nil, nil
}

// Close ends all tries and waits for the one under way.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.wg.Wait()
	if s.ownTransport {
		s.client.CloseIdleConnections()
	}
}
