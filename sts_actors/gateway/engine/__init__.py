"""Engine.IO v4: sessions over HTTP long-polling and WebSocket."""
