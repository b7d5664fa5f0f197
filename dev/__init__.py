"""What developers run: the server with its database, in one command."""
