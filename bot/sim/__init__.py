"""The simulated exchange: speaks Kalshi over HTTP and WebSocket."""
