"""Pictures of movies: checked, kept, served, and pruned."""
