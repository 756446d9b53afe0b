"""Worker processes: what they do, and what the process above holds of them."""
