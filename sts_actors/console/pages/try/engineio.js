// Engine.IO v4 over one WebSocket: the handshake, the server's pings, and messages of text.

const OPEN = "0";
const CLOSE = "1";
const PING = "2";
const PONG = "3";
const MESSAGE = "4";
const NOOP = "6";

/** How long a server may take to greet, in milliseconds. */
const GREETING_MS = 10_000;

/**
 * A connection to the server at `base`. Its `listener` is told `opened()`, `heard(text)` for each message, and
 * once, at the end, `closed(reason)`; the reasons are those of other Socket.IO clients.
 */
export class EngineSocket {
  #socket;
  #listener;
  #silence_ms = GREETING_MS;
  #watch;
  #open = false;
  #over = false;

  constructor(base, listener) {
    this.#listener = listener;
    const address = new URL("/socket.io/?EIO=4&transport=websocket", base);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(address);
    this.#socket.addEventListener("message", ({ data }) => this.#hear(data));
    this.#socket.addEventListener("close", () => this.#end(this.#open ? "transport close" : "transport error"));
    this.#listen();
  }

  /** Bytes that were sent and have not left this machine. */
  get unsent() {
    return this.#socket.bufferedAmount;
  }

  send(text) {
    if (!this.#over) this.#socket.send(MESSAGE + text);
  }

  close(reason) {
    this.#end(reason);
  }

  #hear(data) {
    if (this.#over) return;
    this.#listen();
    switch (data[0]) {
      case OPEN:
        return this.#greeted(data.slice(1));
      case PING:
        return this.#socket.send(PONG + data.slice(1));
      case MESSAGE:
        return this.#listener.heard(data.slice(1));
      case CLOSE:
        return this.#end("transport close");
      case NOOP:
        return undefined;
      default:
        return this.#end("parse error");
    }
  }

  #greeted(text) {
    let greeting;
    try {
      greeting = JSON.parse(text);
    } catch {
      return this.#end("parse error");
    }
    this.#silence_ms = greeting.pingInterval + greeting.pingTimeout;
    if (!(this.#silence_ms > 0)) return this.#end("parse error");
    this.#open = true;
    this.#listen();
    return this.#listener.opened();
  }

  // A server that pings no more is gone, whatever the socket says.
  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#end("ping timeout"), this.#silence_ms);
  }

  #end(reason) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#watch);
    this.#socket.close();
    this.#listener.closed(reason);
  }
}
