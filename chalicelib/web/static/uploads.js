/**
 * Uploads: several files at once, each with its machine, its progress and what came of it. They go on
 * whichever screen is shown; what fails for lack of a connection is tried again by itself.
 */

import { ask, at, deliver, get, Problem } from "./api.js";
import { count, h, LOCALE, many, sentence, visible, wall, words } from "./dom.js";
import { orNull } from "./lists.js";
import { explained } from "./parts.js";
import { may } from "./spec.js";

const MOST_BYTES = 4 * 1024 * 1024;
const HEAD_BYTES = 64 * 1024;
const AT_ONCE = 2;
const LONGEST_WAIT_S = 60;
const FOLLOW_MS = 2_000;
const DAY_MS = 86_400_000;
const WINDOW_DAYS = 90;
const NO_BODY = new Set([204, 205, 304]);
const DATE = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
// T0001.GM001.2018-09-21_093448.zip says itself whose it is and from when.
const NAME = /^(T\d+)\.(GM\d{3,18})\.(\d{4}-\d\d-\d\d)_(\d\d)(\d\d)(\d\d)\./i;
const ROW = /^\s*(GM\d{3,18})\s*\|/im;

const PENDING = new Set(["awaiting_upload", "received"]);
const READ = new Set(["processed", "suspect"]);

/** The uploads of this tab, by where they go. */
const kept = new Map();
let sending = 0;
const waiting = [];

/** Returns whether more will come of a file by itself: it is being read, or its rows are being evaluated. */
export function isUnderWay({ state, judged }) {
  return PENDING.has(state) || (READ.has(state) && !judged);
}

/** Returns the address of the screen about a file that was sent to `path`. */
export function addressOf(path, id) {
  return `#/files/${path === "/imports" ? "import" : "file"}/${id}`;
}

/**
 * Returns the form that uploads files to `path`. `machines` are those of the technician whose log it
 * is, none for a dispatcher's imports; `query` goes with each file, `changed()` is called when one has arrived or
 * has been read.
 *
 * @param {{path: string, query?: Record<string, string>, machines?: string[], button: string, label: string, changed: () => unknown}} options
 */
export function uploads({ path, query = {}, machines, button, label, changed }) {
  const key = JSON.stringify([path, query]);
  if (!kept.has(key)) kept.set(key, []);
  const mine = kept.get(key);
  for (const each of mine) each.changed = changed;
  const shown = h("ul", { class: "uploads" }, mine.map((each) => each.place));
  const submit = h("button", { type: "submit" }, button);
  const input = h("input", { type: "file", name: "file", id: "files", multiple: true, accept: ".txt,.log,.csv,.zip,.gz", "aria-describedby": "files-hint" });
  const error = h("p", { class: "error", role: "alert", hidden: true }, "Choose a file.");

  const tell = () => {
    const ready = mine.filter((each) => each.ready).length;
    submit.textContent = ready > 1 ? `${button} ${many(ready, "file")}` : button;
  };
  const choose = (files) => {
    error.hidden = true;
    for (const file of files) {
      const upload = new Upload({ path, query, machines, file, changed, told: tell, left: () => {
        mine.splice(mine.indexOf(upload), 1);
        tell();
      } });
      mine.push(upload);
      shown.append(upload.place);
    }
    tell();
  };
  for (const each of mine) each.told = tell;
  input.addEventListener("change", () => {
    choose(input.files);
    input.value = ""; // the same file can be chosen again
  });
  tell();
  const made = h("form", { class: "drop", "aria-label": label, onsubmit: (event) => {
    event.preventDefault();
    const ready = mine.filter((each) => each.ready);
    error.hidden = ready.length > 0;
    for (const each of ready) each.start();
    tell();
  } },
  h("div", { class: "field" }, h("label", { for: "files" }, label), input, h("p", { class: "hint", id: "files-hint" }, "Text, zip or gzip; drop files here or choose them")),
  shown, error, submit);
  made.addEventListener("dragover", (event) => { event.preventDefault(); made.classList.add("over"); });
  made.addEventListener("dragleave", () => made.classList.remove("over"));
  made.addEventListener("drop", (event) => {
    event.preventDefault();
    made.classList.remove("over");
    choose(event.dataTransfer.files);
  });
  return made;
}

/** A file on its way: chosen, sent, read. */
class Upload {
  /** Whether it can be sent. */
  ready = true;
  #tries = 0;
  #timer = 0;

  constructor({ path, query, machines, file, changed, told, left }) {
    this.path = path;
    this.query = query;
    this.file = file;
    this.changed = changed;
    this.told = told;
    this.machines = machines;
    const named = NAME.exec(file.name);
    const at = named ? `${named[3]}T${named[4]}:${named[5]}:${named[6]}` : wall(new Date(file.lastModified));
    this.machine = machines && h("select", { name: "machine", "aria-label": `Machine of ${file.name}` }, machines.map((each) => h("option", { value: each }, each)));
    this.at = machines && h("input", { type: "datetime-local", step: 1, name: "downloaded_at", "aria-label": `When ${file.name} was downloaded, local time`, value: at });
    this.progress = h("progress", { max: 100, value: 0, hidden: true, "aria-label": `Progress of ${file.name}` });
    this.status = h("p", { role: "status" });
    this.remove = h("button", { type: "button", class: "plain", "aria-label": `Remove ${file.name}`, onclick: () => {
      clearTimeout(this.#timer);
      this.place.remove();
      left();
    } }, "✕");
    this.set = h("fieldset", { class: "bare", "aria-label": file.name }, this.machine, this.at);
    this.place = h("li", {}, h("p", {}, h("strong", {}, file.name), h("span", { class: "hint" }, ` ${size(file.size)}`)), this.remove, this.set, this.progress, this.status);
    if (machines) this.#propose(named?.[2].toUpperCase());
  }

  /** Has it sent as soon as there is room. */
  start() {
    this.ready = false;
    this.set.disabled = true;
    this.remove.hidden = true;
    this.#tell("Waiting.");
    waiting.push(this);
    next();
  }

  /** Sends it; returns whether it arrived. */
  async send() {
    try {
      const { value, status } = await this.#sent();
      for (const done of [this.progress, this.set]) done.hidden = true;
      this.remove.hidden = false;
      this.#tell(status === 200 ? "Already uploaded." : "Uploaded; being read.");
      await this.changed();
      this.#follow(value.id);
    } catch (error) {
      this.progress.hidden = true;
      if (!(error instanceof Problem)) throw error;
      if (passing(error)) this.#later(error);
      else this.#fail(explained(error));
    }
  }

  /** Chooses the machine that the name or the first line of the log says. */
  async #propose(named) {
    const found = named || ROW.exec(await head(this.file).catch(() => ""))?.[1].toUpperCase();
    if (!found || !this.machine) return;
    if (this.machines.includes(found)) this.machine.value = found;
    else this.#tell(`This is a log of ${found}, which is not assigned to this technician.`, "error");
  }

  async #sent() {
    const told = this.machine ? { machine: this.machine.value, downloaded_at: this.at.value } : {};
    const query = { ...this.query, ...told, filename: this.file.name };
    let type = await mediaType(this.file);
    let content = this.file;
    if (content.size > MOST_BYTES && type === "text/plain") {
      this.#tell("Being packed.");
      content = await new Response(content.stream().pipeThrough(new CompressionStream("gzip"))).blob();
      type = "application/gzip";
    }
    const via = sender((part) => {
      const percent = Math.floor(part * 100);
      this.progress.hidden = false;
      this.progress.value = percent;
      this.#tell(`${percent} % sent.`);
    });
    if (content.size <= MOST_BYTES) return ask("POST", this.path, { query, bytes: content, type, again: this.path === "/files", via });
    const asked = { ...query, size_bytes: content.size, sha256: await digest(content) };
    const { value: { file, upload }, status } = await ask("POST", `${this.path}/presigned`, { json: asked, again: this.path === "/files" });
    await deliver(upload, content, via);
    return { value: file, status };
  }

  /** Tries again after a while, or as soon as there is a connection. */
  #later(error) {
    this.#tries += 1;
    const seconds = Math.min(2 ** this.#tries, LONGEST_WAIT_S);
    this.#tell(`${error.message} It is tried again by itself.`, "error");
    this.remove.hidden = false;
    const again = () => {
      clearTimeout(this.#timer);
      window.removeEventListener("online", again);
      if (this.place.isConnected || this.remove.hidden === false) this.start();
    };
    this.#timer = setTimeout(again, seconds * 1_000);
    window.addEventListener("online", again);
  }

  #fail(text) {
    this.ready = true;
    this.set.disabled = false;
    this.remove.hidden = false;
    this.status.replaceChildren(h("span", { class: "error", role: "alert" }, text));
    this.told();
  }

  /** Looks at the file until it has been read, and shows what came of it. */
  async #follow(id) {
    try {
      const found = await get(at`/files/${id}`);
      if (isUnderWay(found)) {
        setTimeout(() => this.#follow(id), FOLLOW_MS);
        return;
      }
      const read = READ.has(found.state);
      this.status.replaceChildren(h("a", { href: addressOf(this.path, id) }, read ? await outcome(found) : `${words(found.state)}: ${sentence(found.reason || "see the file")}`));
      this.status.className = read && !found.rows_refused ? "good" : "warn";
      await this.changed();
    } catch {
      setTimeout(() => this.#follow(id), FOLLOW_MS * 5); // the list says the same
    }
  }

  #tell(text, kind = "") {
    this.status.className = kind;
    this.status.textContent = visible(text);
  }
}

/** Sends what waits, a few at a time. */
function next() {
  while (sending < AT_ONCE && waiting.length) {
    sending += 1;
    waiting.shift().send().finally(() => {
      sending -= 1;
      next();
    });
  }
}

window.addEventListener("beforeunload", (event) => {
  if (sending || waiting.length) event.preventDefault();
});

/** Returns whether a failure passes by itself: no connection, too busy, or a fault of the service. */
function passing({ status }) {
  return status === 0 || status === 429 || status >= 500;
}

/** Returns what does for `fetch` and says which part of the body has been sent, which fetch does not. */
function sender(told) {
  return (url, { method, headers, body }) => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => told(total ? loaded / total : 0));
    request.addEventListener("load", () => {
      const lines = request.getAllResponseHeaders().trim().split(/\r?\n/).filter(Boolean).map((line) => line.split(/:\s*(.*)/).slice(0, 2));
      done(new Response(NO_BODY.has(request.status) ? null : request.responseText, { status: request.status, headers: Object.fromEntries(lines) }));
    });
    for (const event of ["error", "abort", "timeout"]) request.addEventListener(event, () => failed(new TypeError(event)));
    request.send(body);
  });
}

async function mediaType(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (first === 0x50 && second === 0x4b) return "application/zip";
  if (first === 0x1f && second === 0x8b) return "application/gzip";
  return /^(image|audio|video)\/|pdf/.test(file.type) ? file.type : "text/plain";
}

/** Returns the beginning of a log as text, of a packed one, too. */
async function head(file) {
  const part = file.slice(0, HEAD_BYTES);
  const type = await mediaType(file);
  if (type === "application/gzip") return unpacked(part, "gzip");
  if (type !== "application/zip") return part.slice(0, 1_000).text();
  // A local file header (APPNOTE 4.3.7): method, lengths of name and extra field, then the content.
  const view = new DataView(await part.slice(0, 30).arrayBuffer());
  const content = part.slice(30 + view.getUint16(26, true) + view.getUint16(28, true));
  return view.getUint16(8, true) === 0 ? content.slice(0, 1_000).text() : unpacked(content, "deflate-raw");
}

/** @param {Blob} part @param {"gzip" | "deflate-raw"} format */
async function unpacked(part, format) {
  const reader = part.stream().pipeThrough(new DecompressionStream(format)).getReader();
  const { value } = await reader.read();
  reader.cancel().catch(() => {}); // the part may end before what is packed does
  return new TextDecoder().decode(value?.slice(0, 1_000));
}

async function digest(content) {
  const bytes = await crypto.subtle.digest("SHA-256", await content.arrayBuffer());
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function size(bytes) {
  return bytes < 1_000_000 ? `${count(Math.ceil(bytes / 1_000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Returns what came of a file in a sentence: "292 kept, 1 cut off; nothing from Tue 3 Nov to Thu 5 Nov". */
export async function outcome(found) {
  const { refused = [] } = found;
  const cut = refused.filter((each) => /cut off/.test(each.reason)).length;
  const rejected = Number(found.rows_refused || 0) - cut;
  const rows = [
    `${count(found.rows_kept || 0)} kept`,
    found.rows_known > 0 && `${count(found.rows_known)} already known`,
    cut > 0 && `${count(cut)} cut off`,
    rejected > 0 && `${count(rejected)} rejected`,
  ].filter(Boolean).join(", ");
  const gaps = await silent(found);
  return gaps.length ? `${rows}; nothing ${gaps.join(", ")}` : rows;
}

/** Returns the days between the first and the last row of a machine's file on which nothing was sold. */
async function silent({ machine, judged, first_at: first, last_at: last }) {
  if (!machine || !judged || !first || !last || !may("GET", "/machines/{serial}/days")) return [];
  const to = new Date(last);
  const from = new Date(Math.max(Date.parse(first), to.getTime() - (WINDOW_DAYS - 1) * DAY_MS));
  const asked = { from: from.toISOString().slice(0, 10), to: to.toISOString().slice(0, 10) };
  const days = await orNull(get(at`/machines/${machine}/days`, asked)) || []; // it may be somebody else's by now
  const runs = [];
  days.forEach((each, place) => {
    if (each.sales) return;
    if (place && !days[place - 1].sales && runs.length) runs[runs.length - 1].push(each.day);
    else runs.push([each.day]);
  });
  // The first and the last day may lie before the first row and after the last one.
  const inner = runs.filter((run) => run[0] > days[0]?.day && run[run.length - 1] < days[days.length - 1]?.day);
  const name = (text) => DATE.format(new Date(`${text}T00:00:00Z`));
  return inner.map((run) => (run.length > 1 ? `from ${name(run[0])} to ${name(run[run.length - 1])}` : `on ${name(run[0])}`));
}
