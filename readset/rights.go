package readset

import "context"

type rightsKey struct{}

// WithRights returns a context whose statements have other rights in the
// database than its connections have: which rows there are depends on them too.
// Equal texts stand for equal rights, and nothing else may be shared.
func WithRights(ctx context.Context, rights string) context.Context {
	return context.WithValue(ctx, rightsKey{}, rights)
}

// Rights returns what WithRights said last, "" for the rights that the
// connections have.
func Rights(ctx context.Context) string {
	rights, _ := ctx.Value(rightsKey{}).(string)
	return rights
}
