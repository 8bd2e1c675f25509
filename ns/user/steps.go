package user

import "cleave/abi"

// Steps makes the n-th step of a preparation fail, for tests: every place where memory could be short asks Next. A nil
// *Steps never fails.
type Steps struct {
	// Left is how many steps succeed before one fails.
	Left int
	// Failed tells that the failure has happened.
	Failed bool
}

// Next is one step. ENOMEM: it is the one that fails.
func (s *Steps) Next() error {
	if s == nil {
		return nil
	}
	if s.Left > 0 {
		s.Left--
		return nil
	}
	if s.Failed {
		return nil
	}
	s.Failed = true
	return abi.ENOMEM
}
