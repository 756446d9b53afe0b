"""What an environment is put together from: trajectory, services, log files, engine."""
