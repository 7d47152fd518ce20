"use strict";

// What is shown of the channels. Names come from other processes: they are set as text, never as markup.
const byId = (id) => document.getElementById(id);
const table = byId("channels");
const body = table.tBodies[0];
const rows = new Map();
let sort = { by: "rate", descending: true };
let snapshot = null;
let answered = null;
let dead = null;
let isPaused = false;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function scaled(value, unit) {
  if (value === null) return "–";
  const prefixes = ["", "k", "M", "G"];
  let prefix = 0;
  while (Math.abs(value) >= 1000 && prefix + 1 < prefixes.length) {
    value /= 1000;
    prefix += 1;
  }
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${prefixes[prefix]}${unit}`;
}

function counted(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

const grouped = (number) => (number === null ? "–" : number.toLocaleString("en"));

// A new row with the parts that change.
function makeRow(key) {
  const row = element("tr", "channel");
  const name = element("th");
  name.scope = "row";
  const button = element("button");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  name.append(button);
  const cells = {};
  const cell = (part, className) => {
    cells[part] = element("td", className);
    row.append(cells[part]);
  };
  row.append(name);
  cell("kind", "wide");
  cell("rate", "number");
  cell("bytes", "number middle");
  cell("fill", "middle fill");
  cell("missed", "number middle");
  cell("lag", "number");
  cell("lately", "wide");
  cell("ends", "wide ends");
  const bar = element("span", "bar");
  bar.setAttribute("aria-hidden", "true");
  bar.append(element("span"));
  cells.fill.append(bar, element("span", "percent"));
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("viewBox", "0 0 100 20");
  line.setAttribute("preserveAspectRatio", "none");
  line.setAttribute("aria-hidden", "true");
  line.append(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  cells.lately.append(line);
  const details = element("tr", "details");
  details.hidden = true;
  details.id = `details-${key}`;
  const content = element("td");
  content.colSpan = 9;
  details.append(content);
  button.setAttribute("aria-controls", details.id);
  const made = { row, button, cells, details, content, channel: null };
  button.addEventListener("click", () => {
    details.hidden = !details.hidden;
    button.setAttribute("aria-expanded", String(!details.hidden));
    fillDetails(made);
  });
  return made;
}

function endText(end) {
  const name = end.name === null ? "" : ` ${end.name}`;
  return `${end.role} ${end.pid}${name}`;
}

function endItem(end, name) {
  const item = element(name, "", endText(end));
  if (!end.alive) item.append(" ", element("span", "bad", "dead"));
  if (end.halted !== null) item.append(" ", element("span", "bad", end.halted));
  return item;
}

function points(rates) {
  if (rates.length < 2) return "";
  const most = Math.max(...rates, Number.MIN_VALUE);
  return rates.map((rate, at) => `${(100 * at) / (rates.length - 1)},${19 - (18 * rate) / most}`).join(" ");
}

function fillRow(made, channel, namesDomain) {
  const { row, button, cells } = made;
  made.channel = channel;
  const broken = channel.ends.some((end) => !end.alive);
  row.classList.toggle("broken", broken);
  const domain = namesDomain ? [element("span", "domain", `${channel.domain}/`)] : [];
  const state = broken ? [" ", element("span", "badge", "dead end")] : [];
  button.replaceChildren(...domain, channel.channel, ...state);
  cells.kind.textContent = channel.kind;
  cells.rate.textContent = scaled(channel.pushed_per_second, "/s");
  cells.bytes.textContent = scaled(channel.bytes_pushed_per_second, "B/s");
  const [bar, percent] = cells.fill.children;
  bar.hidden = channel.fill === null;
  const share = Math.min(channel.fill ?? 0, 1);
  bar.firstChild.style.width = `${100 * share}%`;
  bar.classList.toggle("full", share > 0.8);
  percent.textContent = channel.fill === null ? "–" : `${Math.round(100 * share)} %`;
  cells.missed.textContent = grouped(channel.missed);
  cells.missed.classList.toggle("doubtful", channel.missed > 0);
  cells.lag.textContent = grouped(channel.lag);
  cells.lag.classList.toggle("doubtful", channel.lag > channel.capacity / 2);
  cells.lately.firstChild.firstChild.setAttribute("points", points(channel.lately));
  const ends = channel.ends.flatMap((end, at) => (at === 0 ? [] : [", "]).concat(endItem(end, "span")));
  cells.ends.replaceChildren(...ends);
  fillDetails(made);
}

// What a row opens to. Made anew only while it is open.
function fillDetails({ details, content, channel }) {
  if (details.hidden || channel === null) return;
  const part = (title, inside) => {
    const made = element("div");
    made.append(element("h3", "", title), inside);
    return made;
  };
  const ends = element("ul");
  for (const end of channel.ends) {
    const item = endItem(end, "li");
    if (end.behind !== null) {
      const late = end.behind > channel.capacity / 2;
      item.append(", ", element("span", late ? "doubtful" : "", `${grouped(end.behind)} behind`));
    }
    ends.append(item);
  }
  if (channel.ends.length === 0) ends.append(element("li", "", "none is held"));
  const pairs = (entries) => {
    const list = element("dl");
    for (const [name, value] of entries) list.append(element("dt", "", name), element("dd", "", value));
    return list;
  };
  const facts = pairs([
    ["kind", channel.kind],
    ["holds", channel.holds],
    ["memory", `${grouped(channel.bytes)} B`],
    ["made", channel.created_at],
    ["rate", scaled(channel.pushed_per_second, "/s")],
    ["bytes", scaled(channel.bytes_pushed_per_second, "B/s")],
    ["persistent", channel.persistent ? "yes" : "no"],
  ]);
  const counters = pairs(channel.counters.map(({ counter, value }) => [counter.replaceAll("_", " "), grouped(value)]));
  const parts = element("div", "parts");
  parts.append(part("Ends", ends), part("Counters", counters), part("Channel", facts));
  content.replaceChildren(parts);
}

const values = {
  name: (channel) => `${channel.domain}/${channel.channel}`,
  kind: (channel) => channel.kind,
  rate: (channel) => channel.pushed_per_second,
  bytes: (channel) => channel.bytes_pushed_per_second,
  fill: (channel) => channel.fill,
  missed: (channel) => channel.missed,
  lag: (channel) => channel.lag,
};

function ordered(channels) {
  const value = values[sort.by];
  const name = values.name;
  const compare = (one, other) => {
    const [left, right] = [value(one), value(other)];
    // What has no number comes last, whatever the direction.
    if (left === null || right === null) return (left === null) - (right === null);
    const order = left < right ? -1 : Number(left > right);
    return sort.descending ? -order : order;
  };
  return [...channels].sort((one, other) => compare(one, other) || (name(one) < name(other) ? -1 : 1));
}

let numbers = 0;

function draw() {
  if (snapshot === null) return;
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (channel) =>
    [channel.domain, channel.channel, channel.kind, ...channel.ends.map(endText)].join(" ").toLowerCase();
  const shown = ordered(snapshot.channels).filter((channel) => words.every((word) => text(channel).includes(word)));
  const namesDomain = new Set(snapshot.channels.map((channel) => channel.domain)).size > 1;
  const key = (channel) => JSON.stringify([channel.domain, channel.channel, channel.created_at]);
  const keys = new Set(shown.map(key));
  for (const [known, made] of rows) {
    if (keys.has(known)) continue;
    made.row.remove();
    made.details.remove();
    rows.delete(known);
  }
  // An element that is moved loses the focus.
  const focused = document.activeElement;
  let next = body.firstElementChild;
  for (const channel of shown) {
    let made = rows.get(key(channel));
    if (made === undefined) {
      made = makeRow(numbers++);
      rows.set(key(channel), made);
    }
    fillRow(made, channel, namesDomain);
    if (made.row !== next) {
      body.insertBefore(made.row, next);
      body.insertBefore(made.details, next);
    }
    next = made.details.nextElementSibling;
  }
  if (focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
  for (const title of table.tHead.rows[0].cells) {
    if (title.dataset.by !== sort.by) title.removeAttribute("aria-sort");
    else title.setAttribute("aria-sort", sort.descending ? "descending" : "ascending");
  }
  const empty = byId("empty");
  empty.hidden = shown.length > 0;
  empty.textContent = snapshot.channels.length > 0 ? "No channel matches the filter." : "No channel.";
  drawHeader();
}

function drawHeader() {
  const ends = snapshot.channels.flatMap((channel) => channel.ends);
  const now = ends.filter((end) => !end.alive).length;
  const parts = [counted(snapshot.channels.length, "channel", "channels")];
  if (now > 0) parts.push(element("span", "bad", counted(now, "dead end", "dead ends")));
  const summary = parts.flatMap((part, at) => (at === 0 ? [part] : [", ", part]));
  byId("summary").replaceChildren(...summary, element("span", "faint", ` at ${snapshot.at}`));
  document.title = now > 0 ? `(${now}) ipcr` : "ipcr";
  // Read out by a screen reader, so only what changed.
  if (dead !== null && now !== dead) {
    byId("alert").textContent = now > dead ? `${counted(now - dead, "end has", "ends have")} died.` : "";
  }
  dead = now;
  const domains = byId("domains");
  domains.hidden = snapshot.domains.length === 0;
  const items = snapshot.domains.map((domain) => {
    const item = element("li", "", `${domain.domain}: ${counted(domain.alive, "process", "processes")} alive`);
    if (domain.dead > 0) item.append(", ", element("span", "bad", `${domain.dead} died`));
    if (domain.error !== null) item.append(", ", element("span", "bad", domain.error));
    return item;
  });
  domains.querySelector("ul").replaceChildren(...items);
}

function stale(why) {
  table.classList.add("stale");
  const since = answered === null ? "" : ` What is shown is of ${answered.toLocaleTimeString()}.`;
  const text = `${why}${since}`;
  if (byId("alert").textContent !== text) byId("alert").textContent = text;
}

async function look() {
  let wait = 1000;
  try {
    if (!isPaused && !document.hidden) {
      const answer = await fetch("data.json", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.error ?? `status ${answer.status}`);
      if (table.classList.contains("stale")) byId("alert").textContent = "";
      table.classList.remove("stale");
      [snapshot, answered] = [found, new Date()];
      wait = Math.max(100, 1000 * found.interval_seconds);
      draw();
    }
  } catch (error) {
    const isGone = error instanceof TypeError || error.name === "TimeoutError";
    stale(isGone ? "ipcr does not answer." : `ipcr: ${error.message}.`);
  }
  setTimeout(look, wait);
}

table.tHead.addEventListener("click", (event) => {
  const by = event.target.closest("th")?.dataset.by;
  if (by === undefined || event.target.closest("button") === null) return;
  const isText = by === "name" || by === "kind";
  sort = { by, descending: sort.by === by ? !sort.descending : !isText };
  draw();
});
byId("filter").addEventListener("input", draw);
byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("pause").addEventListener("click", (event) => {
  isPaused = !isPaused;
  event.target.setAttribute("aria-pressed", String(isPaused));
});
look();
