package pgtest

// Run starts a server for a program that is no test: a benchmark. It ends with
// the program, however that ends.
func Run(options ...Option) (*Server, error) {
	if err := possible(); err != nil {
		return nil, err
	}
	p, err := find()
	if err != nil {
		return nil, err
	}
	return start(p, options...)
}
