"""How far an experiment is: reports in the log, and a bar in the terminal."""
