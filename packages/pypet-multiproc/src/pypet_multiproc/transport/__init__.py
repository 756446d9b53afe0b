"""Bytes between processes: channels, sockets, messages in chunks, locks and waiting."""
