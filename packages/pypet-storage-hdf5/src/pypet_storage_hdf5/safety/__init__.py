"""How a file stays whole: working copies, the journal of a session, and atomic replacement."""
