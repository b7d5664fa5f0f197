"""The conventions that all routes share: errors, arguments, answers, and their document."""
