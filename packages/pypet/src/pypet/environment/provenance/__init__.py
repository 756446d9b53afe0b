"""Where an experiment comes from: code version, laboratory book, summary."""
