// Socket.IO v5, the default namespace, over Engine.IO: connect with `auth`, events, acknowledgements, goodbye.

import { EngineSocket } from "./engineio.js";

const CONNECT = 0;
const DISCONNECT = 1;
const EVENT = 2;
const ACK = 3;
const CONNECT_ERROR = 4;

const PACKET = /^([0-6])(\d+)?(.*)$/s;

/** The server does not let us in; `code` is what it says. */
export class Refused extends Error {
  name = "Refused";

  constructor(code) {
    super(`the service refused the connection: ${code}`);
    this.code = code;
  }
}

/** There is no connection, or no longer; `reason` is that of other Socket.IO clients. */
export class Lost extends Error {
  name = "Lost";

  constructor(reason) {
    super(`the connection to the service was lost: ${reason}`);
    this.reason = reason;
  }
}

/** Connect to the server at `base`; rejects with `Refused` or `Lost`. */
export async function connect(base, auth = null) {
  const socket = new Socket(base, auth);
  await socket.connected;
  return socket;
}

/** A connected client. `onevent(name, payload)` and `ondisconnect(reason)` are called as things happen. */
export class Socket {
  onevent = () => {};
  ondisconnect = () => {};
  #engine;
  #asked = new Map();
  #next = 0;
  #reason = "";
  #settle;

  constructor(base, auth) {
    this.connected = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#engine = new EngineSocket(base, {
      opened: () => this.#engine.send(CONNECT + (auth === null ? "" : JSON.stringify(auth))),
      heard: (text) => this.#hear(text),
      closed: (reason) => this.#gone(reason),
    });
  }

  /** Bytes that wait to be sent. */
  get unsent() {
    return this.#engine.unsent;
  }

  /** Send an event; throws `Lost` where nobody would get it. */
  emit(name, ...args) {
    this.#check();
    this.#engine.send(EVENT + JSON.stringify([name, ...args]));
  }

  /** Send an event and wait for its acknowledgement. */
  call(name, ...args) {
    this.#check();
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
    this.#engine.send(`${EVENT}${id}${JSON.stringify([name, ...args])}`);
    return answer;
  }

  /** Say goodbye. */
  disconnect() {
    if (this.#reason) return;
    this.#engine.send(String(DISCONNECT));
    this.#engine.close("io client disconnect");
  }

  #check() {
    if (this.#reason) throw new Lost(this.#reason);
  }

  #hear(text) {
    const [, type, id, rest] = PACKET.exec(text) ?? [];
    let content;
    try {
      content = rest ? JSON.parse(rest) : null;
    } catch {
      return this.#engine.close("parse error");
    }
    switch (Number(type)) {
      case CONNECT:
        return this.#settle.resolve();
      case DISCONNECT:
        return this.#engine.close("io server disconnect");
      case EVENT:
        return this.#event(content, id);
      case ACK:
        return this.#acknowledged(Number(id), content);
      case CONNECT_ERROR:
        this.#settle.reject(new Refused(content?.message ?? "no reason was given"));
        return this.#engine.close("io server disconnect");
      default:
        // Binary packets: nothing that we send asks for them.
        return this.#engine.close("parse error");
    }
  }

  #event(content, id) {
    if (!Array.isArray(content) || typeof content[0] !== "string") return this.#engine.close("parse error");
    if (id !== undefined) this.#engine.send(`${ACK}${id}[]`);
    return this.onevent(content[0], content[1]);
  }

  #acknowledged(id, args) {
    this.#asked.get(id)?.resolve(args);
    this.#asked.delete(id);
  }

  #gone(reason) {
    this.#reason = reason;
    const lost = new Lost(reason);
    this.#settle.reject(lost);
    for (const { reject } of this.#asked.values()) reject(lost);
    this.#asked.clear();
    this.ondisconnect(reason);
  }
}
