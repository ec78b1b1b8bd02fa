package serve

import (
	"io"
	"log/slog"
)

// NewLogger writes lines to w as the settings say.
func (s *Settings) NewLogger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
