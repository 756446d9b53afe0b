"""The inner seams: what storage services must be able to do, records, and the journal of files."""
