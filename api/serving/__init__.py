"""The server under the app: bounded connections, held answers."""
