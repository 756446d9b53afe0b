"""What is known of an experiment and its runs: settings, tasks, outcomes and failures."""
