"""What the system tests stand on: PostgreSQL, the simulator, the service, web servers and
clients, each a process or a connection of its own.  Nothing here talks to the real Meta."""
