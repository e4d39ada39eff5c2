/** Logs of machines: a technician's own, and the dispatcher's imports of any machines. */

import { all, ask, at, deliver, get } from "./api.js";
import { person } from "./auth.js";
import { ago, count, h, many, say, wall, words } from "./dom.js";
import { form } from "./forms.js";
import { action, badge, facts, follow, list, live, nothing, section, table } from "./parts.js";
import { may } from "./spec.js";

export const tabs = [
  { name: "mine", title: "My files", show: mine },
  { name: "imports", title: "Imports", needs: ["GET", "/imports"], show: imports },
  { name: "file", title: "File", hidden: true, within: "mine", show: file },
];

const MOST_BYTES = 4 * 1024 * 1024;
const PENDING = new Set(["awaiting_upload", "received"]);
const TONES = { processed: "good", suspect: "warn", held: "warn", rejected: "bad", failed: "bad" };
const STATES = {
  awaiting_upload: "Waiting for upload",
  received: "Processing",
  processed: "Processed",
  suspect: "Many rejected lines",
  rejected: "Rejected",
};
const REMEMBERED = "backroom.technician";
// T0001.GM001.2018-09-21_093448.zip says itself whose it is and from when.
const NAME = /^(T\d+)\.(GM\d{3,18})\.(\d{4}-\d\d-\d\d)_(\d\d)(\d\d)(\d\d)\./i;

function mine([chosen = remembered()]) {
  return live(everybody, (technicians) => {
    if (!technicians.length) {
      return nothing("No technicians yet.", h("p", {}, h("a", { class: "button", href: "#/fleet/people" }, "Add a technician")));
    }
    const known = technicians.find((each) => each.technician_id === chosen) || technicians[0];
    return [may("GET", "/technicians") && who(technicians, known), filesOf(known)];
  });
}

/** Returns all technicians, or the one who is signed in. */
async function everybody() {
  return may("GET", "/technicians") ? all("/technicians") : [await get(at`/technicians/${person()?.technician ?? ""}`)];
}

function who(technicians, known) {
  const select = h("select", { id: "who", onchange: () => {
    remember(select.value);
    location.hash = `#/files/mine/${select.value}`;
  } }, technicians.map((each) => h("option", { value: each.technician_id, selected: each === known }, `${each.name} (${each.technician_id})`)));
  return h("p", { class: "filter" }, h("label", { for: "who" }, "Technician"), select);
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) || "";
  } catch {
    return ""; // some browsers are told to keep nothing
  }
}

function remember(technician) {
  try {
    localStorage.setItem(REMEMBERED, technician);
  } catch {
    // The next visit asks again.
  }
}

function filesOf(technician) {
  const query = { technician: technician.technician_id };
  const files = listed("/files", query, "My files, newest first", (each) =>
    ask("DELETE", at`/files/${each.id}`, { query }));
  if (!technician.machines.length) {
    const change = may("PUT", "/machines/{serial}") && h("p", {}, h("a", { href: "#/fleet/people" }, "Assign machines"));
    return [nothing("No machine is assigned to you yet.", change || []), section("My files", files)];
  }
  const upload = form({
    button: "Upload",
    fields: [
      { name: "file", label: "Log", kind: "file", required: true, accept: ".txt,.log,.csv,.zip,.gz", hint: "Text, zip or gzip; drop it here or choose a file" },
      { name: "machine", label: "Machine", kind: "select", required: true, options: technician.machines.map((each) => [each, each]) },
      { name: "downloaded_at", label: "Downloaded at", kind: "datetime-local", step: 1, required: true, hint: "When you downloaded the log, local time" },
    ],
    async send({ file: chosen, machine, downloaded_at }) {
      const { value, status } = await sent("/files", chosen, { ...query, machine, downloaded_at, filename: chosen.name });
      await files.reload();
      return h("p", { class: "box good" }, status === 200 ? `${value.name} was already uploaded.` : `${value.name} uploaded; processing.`);
    },
  });
  droppable(upload, upload.fields.file, (chosen) => proposed(upload.fields, chosen, technician));
  return [section("Upload a log", upload), section("My files", files)];
}

/** Proposes machine and time by the file's name, else the time at which it was written. */
function proposed(fields, chosen, technician) {
  const named = NAME.exec(chosen.name);
  if (named && technician.machines.includes(named[2].toUpperCase())) fields.machine.input.value = named[2].toUpperCase();
  fields.downloaded_at.input.value = named ? `${named[3]}T${named[4]}:${named[5]}:${named[6]}` : wall(new Date(chosen.lastModified));
}

function imports() {
  const files = listed("/imports", {}, "Imports, newest first", (each) => ask("DELETE", at`/imports/${each.id}`));
  const upload = form({
    button: "Import",
    fields: [{ name: "file", label: "Log of any machines", kind: "file", required: true, accept: ".txt,.log,.csv,.zip,.gz", hint: "Text, zip or gzip; drop it here or choose a file" }],
    async send({ file: chosen }) {
      const { value } = await sent("/imports", chosen, { filename: chosen.name });
      await files.reload();
      return h("p", { class: "box good" }, `${value.original_name || value.name} is here and is being read.`);
    },
  });
  droppable(upload, upload.fields.file, () => {});
  return h("div", {}, section("Import a log", upload), section("Imports", files));
}

/** Lets files be dropped on a form; `chosen(file)` is called when there is one. */
function droppable(place, { input }, chosen) {
  input.addEventListener("change", () => input.files[0] && chosen(input.files[0]));
  place.classList.add("drop");
  place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("over"); });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });
}

/** Sends a file's bytes; what is too large for a request is packed, and else goes to the share itself. */
async function sent(path, file, query) {
  let content = file;
  let type = await mediaType(file);
  if (file.size > MOST_BYTES && type === "text/plain") {
    content = await new Response(file.stream().pipeThrough(new CompressionStream("gzip"))).blob();
    type = "application/gzip";
  }
  if (content.size > MOST_BYTES) return sentToShare(path, content, query);
  return ask("POST", path, { query, bytes: content, type, again: path === "/files" });
}

async function mediaType(file) {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (first === 0x50 && second === 0x4b) return "application/zip";
  if (first === 0x1f && second === 0x8b) return "application/gzip";
  return /^(image|audio|video)\/|pdf/.test(file.type) ? file.type : "text/plain";
}

function listed(path, query, caption, takeBack) {
  let pending = false;
  const place = list({
    path,
    query: { ...query, limit: 100 },
    caption,
    empty: nothing("No files yet."),
    attributes: (each) => {
      pending ||= PENDING.has(each.state);
      return {};
    },
    columns: [
      ["File", (each) => h("a", { href: `#/files/file/${each.id}` }, each.original_name || each.name)],
      ["Machine", (each) => each.machine || "Any"],
      ["Uploaded", (each) => ago(each.uploaded_at)],
      ["State", (each) => badge(STATES[each.state] || words(each.state), TONES[each.state])],
      ["New rows", (each) => told(each.rows_kept), "number"],
      ["Already known", (each) => told(each.rows_known), "number"],
      ["Rejected", (each) => told(each.rows_refused), "number"],
      ["", (each) => action("Delete", async () => {
        await takeBack(each);
        say("File deleted.");
        await place.reload();
      }, { tone: "plain", "aria-label": `Delete ${each.original_name || each.name}`, question: {
        title: "Delete this file?",
        text: `Rows that only ${each.original_name || each.name} contains are deleted, and its machines are evaluated again.`,
        yes: "Delete",
      } })],
    ],
  });
  const look = place.reload;
  place.reload = () => { pending = false; return look(); };
  follow(place, () => pending);
  return place;
}

function told(number) {
  return number === undefined || number === null ? "–" : count(number);
}

function file([id = ""]) {
  let state = "";
  const place = live(async () => {
    const found = await get(at`/files/${id}`);
    state = found.state;
    return found;
  }, (found) => [
    h("h2", {}, found.original_name || found.name, badge(STATES[found.state] || words(found.state), TONES[found.state])),
    found.reason && h("p", { class: "box" }, found.reason),
    facts([
      ["Stored name", found.name],
      ["Machine", found.machine],
      ["Technician", found.technician],
      ["Downloaded at", found.downloaded_at],
      ["Uploaded", ago(found.uploaded_at)],
      ["New rows", told(found.rows_kept)],
      ["Already known", told(found.rows_known)],
      ["Rejected", told(found.rows_refused)],
    ]),
    section("Rejected lines", found.refused.length
      ? table(many(found.refused.length, "line"), [
        ["Line", (each) => count(each.line), "number"],
        ["Reason", (each) => each.reason],
        ["Line text", (each) => h("code", {}, each.text)],
      ], found.refused)
      : nothing("No rejected lines.")),
  ]);
  follow(place, () => PENDING.has(state));
  return place;
}

/** Sends a large file by a URL that takes these very bytes, once. */
async function sentToShare(path, content, query) {
  const digest = await crypto.subtle.digest("SHA-256", await content.arrayBuffer());
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const told = { ...query, size_bytes: content.size, sha256 };
  const { value: { file, upload }, status } = await ask("POST", `${path}/presigned`, { json: told, again: path === "/files" });
  await deliver(upload, content);
  return { value: file, status };
}
