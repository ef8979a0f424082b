// The reference client against a server. Prints what happened as JSON.
const { io } = require("socket.io-client");

const [url, transports] = process.argv.slice(2);
const options = {
  transports: transports.split(","),
  forceNew: true,
  reconnection: false,
  auth: { token: "x" },
};

const event = (socket, name) =>
  new Promise((resolve, reject) => {
    socket.once(name, resolve);
    setTimeout(() => reject(new Error(`no ${name}`)), 10000);
  });

const failure = async (path, auth) => {
  const socket = io(url + path, { ...options, auth });
  const error = await event(socket, "connect_error");
  socket.disconnect();
  return error.message;
};

(async () => {
  const out = {};
  const socket = io(url, options);
  socket.on("question", (data, answer) => answer(data));
  const custom = io(url + "/custom", options);
  await Promise.all([event(socket, "connect"), event(custom, "connect")]);
  if (options.transports.length > 1 && socket.io.engine.transport.name === "polling") {
    await event(socket.io.engine, "upgrade");
  }
  out.transport = socket.io.engine.transport.name;
  const call = (on, ...args) =>
    new Promise((resolve) => on.emit(...args, (...answers) => resolve(answers)));
  out.echo = await call(socket, "echo", "é", { n: [1, null] }, 3.5);
  out.binary = [...(await call(socket, "echo", Buffer.from([0, 255])))[0]];
  out.asked = (await call(socket, "ask", 5))[0];
  out.custom = (await call(custom, "echo", "c"))[0];
  socket.emit("emit_back", "x".repeat(4000000));
  out.big = (await event(socket, "back")).length;
  for (let number = 0; number < 100; number++) socket.emit("count", number);
  out.counted = (await call(socket, "counted"))[0];
  socket.emit("throw_me_out");
  out.ended = await event(socket, "disconnect");
  custom.disconnect();
  out.refused = await failure("/", { token: "wrong" });
  out.unknown = await failure("/nowhere", { token: "x" });
  console.log(JSON.stringify(out));
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
