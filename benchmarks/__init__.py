"""What the service does under load and under attack, in figures."""
