"""Lists and accounts as files: importing movies, and exporting them."""
