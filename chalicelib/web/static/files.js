/** Logs of machines: a technician's own, and the dispatcher's imports of any machines. */

import { all, ask, at, get } from "./api.js";
import { person } from "./auth.js";
import { ago, count, h, many, say, words } from "./dom.js";
import { follow, list, paged } from "./lists.js";
import { action, badge, facts, live, nothing, section } from "./parts.js";
import { may } from "./spec.js";
import { addressOf, isUnderWay, outcome, uploads } from "./uploads.js";

export const tabs = [
  { name: "mine", title: "My files", show: mine },
  { name: "imports", title: "Imports", needs: ["GET", "/imports"], show: imports },
  { name: "file", title: "File", hidden: true, within: "mine", show: file },
  { name: "import", title: "File", hidden: true, within: "imports", show: file },
];

const TONES = { processed: "good", suspect: "warn", held: "warn", rejected: "bad", failed: "bad" };
const STATES = {
  awaiting_upload: "Waiting for upload",
  received: "Processing",
  processed: "Processed",
  suspect: "Many rejected lines",
  rejected: "Rejected",
  held: "Held: not assigned",
};
const REMEMBERED = "backroom.technician";
/** @type {import("./lists.js").Column} */
const MACHINE = ["Machine", (each) => each.machine || "–", "short", (each) => each.machine];

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
  const upload = uploads({ path: "/files", query, machines: technician.machines, button: "Upload", label: "Logs", changed: () => files.reload() });
  return [section("Upload logs", upload), section("My files", files)];
}

function imports() {
  const files = listed("/imports", {}, "Imports, newest first", (each) => ask("DELETE", at`/imports/${each.id}`));
  const upload = uploads({ path: "/imports", button: "Import", label: "Logs of any machines", changed: () => files.reload() });
  return h("div", {}, section("Import logs", upload), section("Imports", files));
}

function listed(path, query, caption, takeBack) {
  let pending = false;
  const place = list({
    path,
    query: { ...query, limit: 100 },
    caption,
    empty: nothing("No files yet."),
    key: (each) => each.id,
    noun: ["file"],
    brief: "lines",
    attributes: (each) => {
      pending ||= isUnderWay(each);
      return {};
    },
    columns: [
      ["File", (each) => h("a", { href: addressOf(path, each.id) }, each.original_name || each.name)],
      ...(query.technician ? [MACHINE] : []),
      ["Uploaded", (each) => ago(each.uploaded_at), "", (each) => each.uploaded_at],
      ["State", (each) => badge(STATES[each.state] || words(each.state), TONES[each.state]), "", (each) => each.state],
      ["New rows", (each) => told(each.rows_kept), "number labelled", (each) => each.rows_kept],
      ["Already known", (each) => told(each.rows_known), "number wide", (each) => each.rows_known],
      ["Rejected", (each) => told(each.rows_refused), "number labelled", (each) => each.rows_refused],
      ["", (each) => action("Delete", async () => {
        await takeBack(each);
        say("File deleted.");
        await place.reload();
      }, { tone: "plain", "aria-label": `Delete ${each.original_name || each.name}`, question: {
        title: "Delete this file?",
        text: `Rows that only ${each.original_name || each.name} contains are deleted, and its machines are evaluated again.`,
        yes: "Delete",
      } }), "short"],
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
  let underWay = false;
  const place = live(async () => {
    const found = await get(at`/files/${id}`);
    underWay = isUnderWay(found);
    return { ...found, outcome: found.rows_kept === undefined ? "" : await outcome(found) };
  }, (found) => [
    h("h2", {}, found.original_name || found.name, badge(STATES[found.state] || words(found.state), TONES[found.state])),
    found.reason && h("p", { class: "box" }, found.reason),
    found.outcome && h("p", { class: found.rows_refused ? "box warn" : "box good" }, h("strong", {}, found.outcome)),
    facts([
      ["Machine", found.machine && h("a", { href: `#/fleet/machine/${found.machine}` }, found.machine)],
      ["Technician", found.technician],
      ["Downloaded at", found.downloaded_at?.replace("T", " ")],
      ["Uploaded", ago(found.uploaded_at)],
      ["New rows", told(found.rows_kept)],
      ["Already known", told(found.rows_known)],
      ["Rejected", told(found.rows_refused)],
      ["Stored name", found.name],
    ]),
    section("Rejected lines", found.refused.length ? rejected(found) : nothing("No rejected lines.")),
  ]);
  follow(place, () => underWay);
  return place;
}

/** Returns the rejected lines that are stored, a page at a time; a file may have had more. */
function rejected({ refused, rows_refused: all }) {
  const caption = all > refused.length ? `The first ${count(refused.length)} of ${many(all, "line")}` : many(all, "line");
  return paged("rejected", caption, [
    ["Line", (each) => count(each.line), "number labelled"],
    ["Reason", (each) => each.reason],
    ["Line text", (each) => h("code", {}, each.text), "last"],
  ], refused, "lines");
}
