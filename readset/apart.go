package readset

import "context"

// Apart returns a context in which what is read is noted in a set of its own,
// beside that of the evaluation and in the same snapshot: for reads whose
// result is kept by other means than by running the view again. Outside of an
// evaluation it returns ctx and nil. A read that fails to be recorded there is
// the caller's to look at (Set.Err).
func Apart(ctx context.Context) (context.Context, *Set) {
	of := From(ctx)
	if of == nil {
		return ctx, nil
	}
	s := &Set{Snapshot: of.Snapshot, of: of}
	return NewContext(ctx, s), s
}
