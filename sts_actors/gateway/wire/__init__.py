"""TCP, HTTP/1.1 and WebSocket: no Socket.IO here."""
