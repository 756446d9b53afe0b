"""What an environment is put together from: trajectory, service, plan, engine, what it notes."""
