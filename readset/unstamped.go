package readset

// Unstamp notes that the evaluation read something in another state of the
// database than its snapshot shows, and why: on a connection that could not be
// brought there, in a transaction that had begun before. What its snapshot
// contains is then not taken to be in the result. The first reason counts.
func (s *Set) Unstamp(why string) {
	if s == nil {
		return
	}
	s.of.Unstamp(why)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unstamped == "" {
		s.unstamped = why
	}
}

// Unstamped is why the result is not that of one snapshot, "" where it is.
func (s *Set) Unstamped() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unstamped
}
