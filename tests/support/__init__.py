"""What tests share: actors, servers, and stand-ins for what is outside."""
