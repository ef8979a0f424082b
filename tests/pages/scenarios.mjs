// The page's own client against a real server, one scenario a process. Prints what it was told as JSON.

const [pages, name, base, given] = process.argv.slice(2);
const page = (module) => import(`${pages}/try/${module}`);
const { Run } = await page("run.js");
const { Socket, connect } = await page("socketio.js");
const { openStream } = await page("stream.js");
const { inPlainWords } = await page("plain_words.js");

const asked = JSON.parse(given);
const request = { source_language: "en", target_languages: ["pt"], voices: {}, bed: false, live: false, ...asked.request };
const described = (problem) =>
  problem && { name: problem.name, code: problem.code, reason: problem.reason, plain: inPlainWords(problem) };

/** Pieces of a tone, each of another loudness. */
function tones(count, rate_hz = 16_000) {
  let stopped = false;
  return {
    rate_hz,
    stop: () => (stopped = true),
    async *fragments() {
      for (let number = 0; number < count && !stopped; number++) {
        const loud = 500 * 2 ** (number % 6);
        yield Int16Array.from({ length: rate_hz }, (_, at) => loud * Math.sin((2 * Math.PI * 220 * at) / rate_hz));
      }
    },
  };
}

function watching(out, also = {}) {
  return {
    ready: () => (out.ready = true),
    sent: () => also.sent?.(),
    grown: (track) => also.grown?.(track),
    noted: (problem) => (out.noted ??= []).push(problem.code),
    ended: (problem) => (out.ended = described(problem)),
  };
}

async function dubbed(source, also) {
  const out = {};
  const run = new Run(source, watching(out, also));
  also?.run?.(run);
  await run.through(base, asked.token ?? "", request);
  out.sent = run.sent;
  out.tracks = run.tracks.map(({ language, pieces, phrases, failures, complete }) => ({
    language,
    lengths: pieces.map((piece) => piece.length),
    loud: pieces.map((piece) => piece.some((value) => Math.abs(value) > 1000)),
    said: phrases.map((each) => each.transcript).join(" "),
    spoken: phrases.map((each) => each.translated_text).join(" "),
    failures: failures.map((each) => each.code),
    complete,
  }));
  return out;
}

/** Every frame that the client gets and sends from now on. */
function overheard() {
  const frames = [];
  const Real = globalThis.WebSocket;
  globalThis.WebSocket = class extends Real {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => frames.push({ got: String(data).slice(0, 400), at: Date.now() }));
    }

    send(data) {
      frames.push({ said: String(data).slice(0, 400), at: Date.now() });
      super.send(data);
    }
  };
  return frames;
}

const scenarios = {
  /** All of it, to the end. */
  dub: () => dubbed(tones(asked.pieces)),

  /** The same, with every frame. */
  async frames() {
    const frames = overheard();
    const out = await dubbed(tones(asked.pieces));
    return { ...out, frames };
  },

  /** Stopped by who listens: what was sent is dubbed. */
  async stop() {
    let run;
    return dubbed(tones(9), { run: (each) => (run = each), grown: () => run.stop() });
  },

  /** Left in the middle. */
  async leave() {
    let run;
    return dubbed(tones(9), { run: (each) => (run = each), grown: () => run.leave() });
  },

  /** Stays connected through so many pings. */
  async pings() {
    const frames = overheard();
    const socket = await connect(base);
    let gone = null;
    socket.ondisconnect = (reason) => (gone = reason);
    const pongs = () => frames.filter(({ said }) => said === "3").length;
    while (!gone && pongs() < asked.pings) await new Promise((resolve) => setTimeout(resolve, 20));
    const still = gone;
    socket.disconnect();
    return { still, pongs: pongs(), gone };
  },

  /** Connects, and tells how that ends. */
  async connect() {
    const socket = new Socket(base, asked.token ? { token: asked.token } : null);
    const gone = new Promise((resolve) => (socket.ondisconnect = resolve));
    try {
      await socket.connected;
      return { gone: await gone };
    } catch (problem) {
      return described(problem);
    }
  },

  /** Asks the server something, and is asked; `echo` and `ask` are the server's. */
  async acknowledgements() {
    const socket = await connect(base);
    const heard = [];
    socket.onevent = (event, payload) => heard.push([event, payload]);
    const echo = await socket.call("echo", "é", { n: [1, null] });
    const asked_back = await socket.call("ask");
    const left = socket.call("never").catch(described);
    socket.disconnect();
    let after = null;
    try {
      socket.emit("echo", 1);
    } catch (problem) {
      after = described(problem);
    }
    return { echo, asked_back, heard, left: await left, after };
  },

  /** An error that is about no piece reaches the listener. */
  async ended_twice() {
    const socket = await connect(base);
    const told = [];
    const over = new Promise((resolve) => {
      const listener = {
        processed: () => {},
        pressed: () => {},
        warning: () => {},
        error: (problem) => told.push(problem.code),
        complete: resolve,
        lost: resolve,
      };
      const init = { source_language: "en", target_languages: ["pt"], sample_rate_hz: 16_000 };
      openStream(socket, init, listener).then((stream) => {
        stream.send(new Int16Array(16_000));
        stream.end();
        stream.end();
      });
    });
    return { complete: await over, told };
  },
};

console.log(JSON.stringify(await scenarios[name]()));
process.exit(0);
