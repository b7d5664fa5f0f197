"""What wraps every request: its log line, the headers of its answer, and errors as envelopes."""
