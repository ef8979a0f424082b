// From the names of actors and channels to the lines they make, and who waits on whom in them. Nothing here
// touches the page.

// Each channel of a stream's line: who sends into it, who takes out of it. "" is outside the line.
const ENDS = {
  submitted: ["", "session"],
  fragments: ["session", "asr"],
  transcripts: ["asr", "translation"],
  translations: ["translation", "tts"],
  speeches: ["tts", "sequencer"],
  results: ["sequencer", ""],
};
// The line in the order of its work; the part in the middle is there once for each language.
const BEFORE = ["submitted", "session", "fragments", "asr", "transcripts", "fan"];
const EACH = ["transcripts", "translation", "translations", "tts"];
const AFTER = ["speeches", "sequencer", "results"];

/**
 * Sort everything into groups: what all streams share first, then each stream's line, as the streams come.
 *
 * @returns {{key: string, title: string, stream: string | null, members: object[]}[]} `stream` is the id
 *   where it is one of the overview's; members are actors (`kind: "actor"`) and channels (`kind: "channel"`)
 *   with `short`, their name within the group, and `language` besides their own fields.
 */
export function groups({ streams, actors, channels }) {
  const ids = new Map(streams.map((stream) => [`stream/${stream.stream_id}/`, stream.stream_id]));
  const found = new Map();
  const put = (kind, thing) => {
    const [key, title, rest] = placed(thing.name, ids);
    if (!found.has(key)) found.set(key, { key, title, stream: ids.get(key) ?? null, members: [] });
    const parts = rest.split("/");
    const short = parts.pop();
    found.get(key).members.push({ kind, short, language: parts.join("/"), ...thing });
  };
  for (const actor of actors) put("actor", actor);
  for (const channel of channels) put("channel", channel);
  const ranks = new Map([...ids.keys()].map((key, rank) => [key, rank]));
  const sorted = [...found.values()];
  for (const group of sorted) if (group.key.startsWith("stream/")) group.members.sort(alongTheLine);
  return sorted.sort((one, other) => rank(one, ranks) - rank(other, ranks));
}

/** The group's key and title, and the name within it. */
function placed(name, ids) {
  if (name.startsWith("stream/")) {
    // An id may have slashes of its own: those the overview names go first.
    for (let cut = name.indexOf("/", 7); cut >= 0; cut = name.indexOf("/", cut + 1)) {
      const key = name.slice(0, cut + 1);
      if (ids.has(key)) return [key, ids.get(key), name.slice(cut + 1)];
    }
    const cut = name.indexOf("/", 7);
    if (cut > 0) return [name.slice(0, cut + 1), name.slice(7, cut), name.slice(cut + 1)];
  }
  const cut = name.indexOf("/");
  return cut < 0 ? ["", "besides", name] : [name.slice(0, cut + 1), name.slice(0, cut), name.slice(cut + 1)];
}

function alongTheLine(one, other) {
  const [section, step] = station(one);
  const [otherSection, otherStep] = station(other);
  return section - otherSection || one.language.localeCompare(other.language) || step - otherStep;
}

function station({ short, language }) {
  if (!language && BEFORE.includes(short)) return [0, BEFORE.indexOf(short)];
  if (AFTER.includes(short)) return [2, AFTER.indexOf(short)];
  return [1, EACH.indexOf(short)];
}

function rank(group, ranks) {
  if (ranks.has(group.key)) return ranks.get(group.key);
  return group.key.startsWith("stream/") ? ranks.size : -1;
}

/** Who waits at a channel and for whom, in words; "" where nobody does. */
export function waits(channel, { several = false } = {}) {
  const [sender, receiver] = ends(channel, several);
  if (channel.waiting_senders) return waiting(channel.waiting_senders, sender, "sender", receiver || "room");
  if (channel.waiting_receivers) return waiting(channel.waiting_receivers, receiver, "taker", sender || "work");
  return "";
}

function waiting(number, name, role, whom) {
  if (name && number === 1) return `${name} waits for ${whom}`;
  return number === 1 ? `one ${role} waits for ${whom}` : `${number} ${role}s wait for ${whom}`;
}

/**
 * What each actor of a stream's line does, by its name: `idle` while it waits for something to come in,
 * `blocked` while nobody takes what it has, `at work` else.
 */
export function doings(group) {
  const several = isSeveral(group);
  const found = new Map();
  for (const member of group.members) if (member.kind === "actor") found.set(member.name, "at work");
  const note = (channel, short, doing) => {
    for (const member of group.members) {
      if (member.kind !== "actor" || member.short !== short) continue;
      if (!member.language || !channel.language || member.language === channel.language) {
        found.set(member.name, doing);
      }
    }
  };
  for (const channel of group.members) {
    if (channel.kind !== "channel") continue;
    const [sender, receiver] = ends(channel, several);
    if (channel.waiting_receivers) note(channel, receiver, "idle");
    // Several languages' speakers share the way to the sequencer, and which of them waits is not told.
    if (channel.waiting_senders && !(several && channel.short === "speeches")) note(channel, sender, "blocked");
  }
  return found;
}

/** Whether a group's line has several languages. */
export function isSeveral(group) {
  return group.members.some((member) => member.short === "fan");
}

function ends(channel, several) {
  const [sender, receiver] = ENDS[channel.short] ?? ["", ""];
  if (channel.short !== "transcripts" || !several) return [sender, receiver];
  return channel.language ? ["fan", receiver] : [sender, "fan"];
}

/** Whether somebody cannot go on because a channel is full. */
export function isPressed(channel) {
  return channel.waiting_senders > 0;
}

/** Whether a group has something an operator should look at. */
export function hasTrouble(group) {
  return group.members.some((each) =>
    each.kind === "actor" ? each.restarts > 0 || each.state !== "running" : isPressed(each),
  );
}
