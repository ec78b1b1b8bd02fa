package wire

// Problem is an RFC 9457 problem document with a stable code.
type Problem struct {
	Status int    `json:"status"`
	Code   Code   `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }
