package ferry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CutoverState is how far a cutover of this process is.
type CutoverState string

// The states of a cutover.
const (
	// CutoverAsked: it begins when the round under way has ended.
	CutoverAsked CutoverState = "asked"
	CutoverBegun CutoverState = "begun"
	// CutoverSwitched, CutoverGivenUp and CutoverFailed are its ends; after the
	// last two the source serves writes as before.
	CutoverSwitched CutoverState = "switched"
	CutoverGivenUp  CutoverState = "given_up"
	CutoverFailed   CutoverState = "failed"
)

// Attempt is the last cutover of this process.
type Attempt struct {
	State CutoverState `json:"state"`
	// Since is when it was asked for, or begun unasked.
	Since time.Time     `json:"since"`
	Steps []AttemptStep `json:"steps"`
	// Reason tells why it failed or was given up, NextStep what to do about it.
	Reason   string `json:"reason,omitempty"`
	NextStep string `json:"next_step,omitempty"`
}

// AttemptStep is one step of a cutover: before the freeze, under it, and after.
type AttemptStep struct {
	Name  string    `json:"step"`
	Began time.Time `json:"began"`
	// Seconds are counted once it has Ended.
	Seconds float64 `json:"seconds"`
	Ended   bool    `json:"ended"`
}

// ErrGivenUp ends a cutover that AbortCutover was called for.
var ErrGivenUp = errors.New("the cutover was given up, as it was asked for")

// helm is what an operator asks of the running process. The Ferry's mutex guards
// it.
type helm struct {
	// following: a command goes on to the cutover once it is asked to.
	following bool
	// asked wakes whoever follows.
	asked   chan struct{}
	attempt *Attempt
	// giveUp ends the attempt; nil where none can be given up.
	giveUp context.CancelCauseFunc
	// writers that were asked for, over all processes; 0 adapts.
	writers int
	// carrying is how many processes carry, this one among them; 0 for it alone.
	carrying int
	// braked tells why the source's health holds the readers back.
	braked string
}

// AskCutover lets the command that follows the source go on to the cutover, when
// the round under way has ended. It is refused, in a sentence, where nobody
// follows, an index is not carried yet, or a cutover is under way. Safe for
// concurrent use.
func (f *Ferry) AskCutover() error {
	over, behind := f.switched(), f.behind()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case over:
		return errors.New("everything is switched already")
	case f.attempt.Open():
		return errors.New("a cutover is under way already")
	case !f.following:
		return errors.New("this esferry does not follow the source at present: a cutover can be asked for once everything is carried, of esferry serve and sync --follow")
	case behind != "":
		return fmt.Errorf("index %s is not carried yet", behind)
	}
	f.attempt = &Attempt{State: CutoverAsked, Since: time.Now().UTC(), Steps: []AttemptStep{}}
	select {
	case f.asked <- struct{}{}:
	default:
		// Whoever follows was woken before and has not looked yet.
	}
	return nil
}

// AbortCutover gives up the cutover that is asked for or under way, which then
// lifts the freeze: Attempt tells when it has ended. Once everything is verified
// and the switch begins it is refused. Safe for concurrent use.
func (f *Ferry) AbortCutover() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.attempt.Open():
		return errors.New("no cutover is under way")
	case f.attempt.State == CutoverAsked:
		f.attempt = f.attempt.ending(ErrGivenUp)
		return nil
	case f.giveUp == nil || len(f.state.Switching) > 0:
		return errors.New("everything is verified and the switch has begun: now the only way is forward")
	default:
		f.giveUp(ErrGivenUp)
		return nil
	}
}

// Following reports whether a command follows the source and goes on to a cutover
// that is asked for. Safe for concurrent use.
func (f *Ferry) Following() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.following
}

// Attempt gives the last cutover of this process; nil where there was none. Safe
// for concurrent use.
func (f *Ferry) Attempt() *Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempt.copied()
}

// Cutover catches up, freezes, carries the last operations and deletes,
// verifies, and switches (protocol 4). A failure before the switch lifts the
// freeze and leaves the source serving; AbortCutover is one, with ErrGivenUp.
func (f *Ferry) Cutover(ctx context.Context) (Freeze, error) {
	f.mu.Lock()
	f.attempt = &Attempt{State: CutoverAsked, Since: time.Now().UTC(), Steps: []AttemptStep{}}
	f.mu.Unlock()
	freeze, _, err := f.cutoverAsked(ctx)
	return freeze, err
}

// cutoverAsked does the cutover that is asked for, if it still is.
func (f *Ferry) cutoverAsked(ctx context.Context) (freeze Freeze, asked bool, err error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	f.mu.Lock()
	if asked = f.attempt != nil && f.attempt.State == CutoverAsked; asked {
		begun := *f.attempt
		begun.State = CutoverBegun
		f.attempt, f.giveUp = &begun, giveUp
	}
	f.mu.Unlock()
	if !asked {
		return Freeze{}, false, nil
	}
	freeze, err = f.cutOver(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrGivenUp) && !errors.Is(err, ErrGivenUp) {
		err = fmt.Errorf("%w: %w", ErrGivenUp, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempt, f.giveUp = f.attempt.ending(err), nil
	if errors.Is(err, ErrGivenUp) && len(f.state.Blocked) > 0 {
		f.attempt.State = CutoverFailed
	}
	return freeze, true, err
}

// forward lets the attempt not be given up any more, or gives the error where it
// was before.
func (f *Ferry) forward(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.giveUp = nil
	return context.Cause(ctx)
}

// stepped notes a step of the ferry in the attempt it belongs to.
func (f *Ferry) stepped(step AttemptStep) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempt == nil || f.attempt.State != CutoverBegun {
		return
	}
	attempt := f.attempt.copied()
	if step.Ended {
		attempt.Steps = slices.DeleteFunc(attempt.Steps, func(s AttemptStep) bool { return s.Name == step.Name && !s.Ended })
	}
	attempt.Steps = append(attempt.Steps, step)
	f.attempt = attempt
}

// switched reports whether a cutover has switched all that this ferry carries.
func (f *Ferry) switched() bool { return f.record().Freeze != nil && len(f.active()) == 0 }

// behind gives an index that is on its way and not carried yet; "" for none.
func (f *Ferry) behind() string {
	for _, ix := range f.active() {
		if ix.snapshotRecord().Phase != Current {
			return ix.id()
		}
	}
	return ""
}

// Open reports whether the attempt goes on; nil does not.
func (a *Attempt) Open() bool {
	return a != nil && (a.State == CutoverAsked || a.State == CutoverBegun)
}

func (a *Attempt) copied() *Attempt {
	if a == nil {
		return nil
	}
	c := *a
	c.Steps = slices.Clone(a.Steps)
	return &c
}

// ending gives the attempt with its end.
func (a *Attempt) ending(err error) *Attempt {
	end := a.copied()
	end.State = CutoverSwitched
	if err == nil {
		return end
	}
	end.State, end.Reason = CutoverFailed, err.Error()
	if errors.Is(err, ErrGivenUp) {
		end.State = CutoverGivenUp
	}
	type stepper interface {
		error
		NextStep() string
	}
	if s, ok := errors.AsType[stepper](err); ok {
		end.NextStep = s.NextStep()
	}
	return end
}
