/** The dispatch board: a row for each machine to visit, sent one by one or several at once. */

import { all, ask } from "./api.js";
import { ago, count, dollars, figure, h, keepFocus, many, say, sentence, words } from "./dom.js";
import { remember, remembered, totalOf } from "./lists.js";
import { badge, busy, explained, fill, live, nothing, watch } from "./parts.js";
import { may, taken } from "./spec.js";
import { CAUSES, howWeKnow, onTheWay, send, sending, TONES } from "./visits.js";

const STEP = 250;
const MOST = 1_000;
const AT_ONCE = 4;
const EVERYBODY = "all";
const COLUMNS = 9;

/** States, the worst first. */
export const STATES = ["out_of_service", "degraded", "needs_attention", "healthy", "retired"];
const GROUPS = {
  urgency: { title: "Urgency", key: (item) => item.state, name: (item) => words(item.state), order: (item) => STATES.indexOf(item.state) },
  technician: { title: "Technician", key: (item) => item.technician || "", name: (item) => (item.technician ? called(item) : "No technician"), order: (item) => (item.technician ? 0 : 1) },
  site: { title: "Site", key: (item) => item.site || "", name: (item) => (item.site ? where(item) : "No site"), order: (item) => (item.site ? 0 : 1) },
};

/** Returns the board of a technician's machines or of all, grouped; both are named by the address. */
export function board([chosen = EVERYBODY, grouping = "urgency"]) {
  const technician = chosen === EVERYBODY ? "" : chosen;
  const group = GROUPS[grouping] || GROUPS.urgency;
  const rows = new Rows();
  let limit = remembered("worklist") || STEP;
  let etag = null;
  const load = async (known = null) => {
    const page = await ask("GET", "/worklist", { query: { technician, limit: Math.min(limit, MOST) }, etag: known });
    if (page.status === 304) return page;
    const found = { ...page, value: [...page.value] };
    while (found.next && found.value.length < limit) {
      const { value, next } = await ask("GET", found.next);
      found.value.push(...value);
      found.next = next;
    }
    found.total = await totalOf(found.next);
    etag = page.etag;
    return found;
  };
  const shown = h("div", { class: "board" });
  const place = live(() => load(), (page, reload) => {
    rows.reload = reload;
    rows.draw(shown, page, group, more);
    return shown;
  });
  const more = () => {
    limit += STEP;
    remember("worklist", limit);
    return place.reload();
  };
  watch(place, async () => {
    const page = await load(etag);
    if (page.status === 304) return;
    rows.draw(shown, page, group, more);
  });
  return h("div", { class: "expanse" }, filters(chosen, grouping), place);
}

function filters(chosen, grouping) {
  const go = (technician, by) => { location.hash = `#/fleet/worklist/${encodeURIComponent(technician)}/${by}`; };
  const by = h("select", { id: "by", onchange: () => go(chosen, by.value) },
    Object.entries(GROUPS).map(([name, { title }]) => h("option", { value: name, selected: name === grouping }, title)));
  const who = may("GET", "/technicians") && live(() => all("/technicians"), (technicians) => {
    const select = h("select", { id: "whose", onchange: () => go(select.value, grouping) },
      h("option", { value: EVERYBODY }, "All technicians"),
      technicians.map((each) => h("option", { value: each.technician_id, selected: each.technician_id === chosen }, `${each.name} (${each.technician_id})`)));
    return h("span", { class: "pair" }, h("label", { for: "whose" }, "Technician"), select);
  });
  return h("div", { class: "filter" }, who, h("span", { class: "pair" }, h("label", { for: "by" }, "Group by"), by),
    chosen !== EVERYBODY && h("a", { href: `#/fleet/route/${encodeURIComponent(chosen)}` }, "Print or share route"));
}

/** The rows of a board. What has not changed keeps its row, and so its tick, its fold and its focus. */
class Rows {
  /** Looks at the worklist again; set by the board. */
  reload = async () => {};

  #made = new Map();
  #ticked = new Set();
  #failed = new Map();
  #renewed = new Set();
  #every = [];
  #bar = new Bar(this);

  /** Shows a page of the worklist in a place, grouped. */
  draw(place, page, group, more) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const items = page.value;
    const kept = new Map(items.map((item) => [item.machine, this.#row(item)]));
    const changed = [...kept].filter(([serial, row]) => this.#made.get(serial) !== row).length;
    const first = this.#made.size === 0;
    this.#made = kept;
    for (const serial of this.#ticked) if (!kept.has(serial)) this.#ticked.delete(serial);
    this.#every = [];
    fill(place, items.length ? [
      this.#summary(items, page.next),
      this.#bar.place,
      h("table", { role: "table", class: "rows" },
        h("caption", { class: "unseen" }, "Machines to visit"), heading(),
        groups(items, group).map((each) => this.#group(each, group))),
      page.next && this.#rest(items, page.total, more),
    ] : nothing("No machine needs a visit.", h("p", {}, h("a", { href: "#/fleet/machines" }, "All machines"))));
    this.tell();
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    keepFocus();
    if (!first && changed) say(`${many(changed, "machine")} changed.`);
  }

  /** Returns the items that are ticked and can be sent to. */
  get ticked() {
    return [...this.#ticked].map((serial) => this.#made.get(serial)?.item).filter((item) => item && sendable(item));
  }

  /**
   * Sends somebody to these machines, a few at a time; what fails stays ticked and says why.
   *
   * @param {any[]} items
   * @param {string} note
   * @param {(done: number) => void} [told]
   */
  async send(items, note, told = () => {}) {
    this.#failed.clear();
    const todo = [...items];
    let done = 0;
    const one = async () => {
      for (let item = todo.shift(); item; item = todo.shift()) {
        try {
          await send(item.machine, note);
          this.#ticked.delete(item.machine);
        } catch (error) {
          this.#failed.set(item.machine, explained(error));
        }
        done += 1;
        told(done);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    await this.reload();
    const failed = this.#failed.size;
    const sent = items.length - failed;
    const who = items.length === 1 ? `${called(items[0])} has been sent to ${items[0].machine}.` : `${many(sent, "machine")}: technicians have been sent.`;
    say(failed ? `${many(sent, "machine")} done, ${count(failed)} failed.` : who);
  }

  /** Shows what a form in a machine's row has done, whatever was typed into it. */
  async renew(serial) {
    this.#renewed.add(serial);
    await this.reload();
  }

  /** Makes bar and ticks agree. */
  tell() {
    this.#bar.tell(this.ticked);
    for (const { tick, item } of this.#made.values()) if (tick) tick.checked = this.#ticked.has(item.machine);
    for (const { tick, serials } of this.#every) tick.checked = serials.every((each) => this.#ticked.has(each));
  }

  tick(serials, on) {
    for (const serial of serials) if (on) this.#ticked.add(serial);
    else this.#ticked.delete(serial);
    this.tell();
  }

  #row(item) {
    const text = JSON.stringify(item, (_, value) => (typeof value === "bigint" ? String(value) : value));
    const before = this.#made.get(item.machine);
    const failure = this.#failed.get(item.machine);
    const renewed = this.#renewed.delete(item.machine);
    if (before && !renewed && before.failure === failure && (before.text === text || typing(before.evidence))) return before;
    return { ...row(item, this, failure, before && !before.evidence.hidden), item, text, failure };
  }

  #summary(items, next) {
    const waiting = items.filter((item) => !item.dispatch);
    const lost = items.reduce((total, item) => total + wrong(item), 0);
    return h("p", { class: "sum" }, h("strong", {}, `${next ? "More than " : ""}${count(waiting.length)} to visit`), `, ${count(items.length - waiting.length)} on the way, ${dollars(lost)} lost`);
  }

  #group({ items }, group) {
    const free = items.filter(sendable).map((item) => item.machine);
    const name = group.name(items[0]);
    const every = free.length > 0 && may("POST", "/dispatches") && h("input", { type: "checkbox", "aria-label": `Select all of ${name}`, onchange: () => this.tick(free, every.checked) });
    if (every) this.#every.push({ tick: every, serials: free });
    const lost = items.reduce((total, item) => total + wrong(item), 0);
    return h("tbody", { role: "rowgroup" },
      h("tr", { role: "row", class: "group" }, h("td", { role: "cell", class: "tick" }, every),
        h("th", { role: "rowheader", scope: "rowgroup", colspan: COLUMNS - 1 }, name, h("span", { class: "hint" }, ` ${many(items.length, "machine")}${lost > 0 ? `, ${dollars(lost)} lost` : ""}`))),
      items.map((item) => {
        const { line, evidence } = this.#made.get(item.machine);
        return [line, evidence];
      }));
  }

  #rest(items, total, more) {
    return h("div", { class: "more" }, h("p", { class: "hint" }, `The ${count(items.length)} most urgent of ${figure(total)} are shown.`), h("button", { type: "button", onclick: more }, "Show more"));
  }
}

/** What is done with the machines that are ticked. */
class Bar {
  constructor(rows) {
    const note = h("input", { type: "text", "aria-label": "Note for the technicians", placeholder: "Note for the technicians", maxlength: taken("POST", "/dispatches").note?.maxLength });
    this.count = h("span", {});
    this.button = h("button", { type: "button", onclick: () => busy(this.button, () => {
      const items = rows.ticked;
      return rows.send(items, note.value.trim(), (done) => { this.count.textContent = `${count(done)} of ${count(items.length)} sent`; });
    }, this.place) }, "Send");
    const clear = h("button", { type: "button", class: "plain", onclick: () => rows.tick(rows.ticked.map((item) => item.machine), false) }, "Clear");
    this.place = h("div", { class: "bar", role: "group", "aria-label": "Selected machines", hidden: true }, this.count, note, this.button, clear);
  }

  tell(items) {
    const people = new Set(items.map((item) => item.technician)).size;
    this.place.hidden = items.length === 0;
    this.count.textContent = `${many(items.length, "machine")} selected`;
    this.button.textContent = people > 1 ? `Send ${many(people, "technician")}` : "Send technician";
  }
}

function heading() {
  const titles = [["Select", "tick", true], ["Machine"], ["Cause"], ["Site"], ["Technician"], ["Lost", "number"], ["Since"], ["Carry"], ["Actions", "", true]];
  return h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, titles.map(([title, kind, unseen]) =>
    h("th", { role: "columnheader", scope: "col", class: kind }, unseen ? h("span", { class: "unseen" }, title) : title))));
}

function row(item, rows, failure, open) {
  const tick = sendable(item) && may("POST", "/dispatches") && h("input", { type: "checkbox", "aria-label": `Select ${item.machine}`, onchange: (event) => rows.tick([item.machine], event.target.checked) });
  const id = `evidence-${item.machine}`;
  const evidence = h("tr", { role: "row", class: "evidence", id, hidden: !open });
  const unfold = () => evidence.append(h("td", { role: "cell", colspan: COLUMNS }, why(item, rows)));
  if (open) unfold();
  const toggle = h("button", { type: "button", class: "fold", "aria-expanded": String(Boolean(open)), "aria-controls": id, "aria-label": `Evidence for ${item.machine}`, onclick: () => {
    if (!evidence.childElementCount) unfold();
    evidence.hidden = !evidence.hidden;
    toggle.setAttribute("aria-expanded", String(!evidence.hidden));
  } }, causes(item));
  const cells = [
    ["tick", tick],
    ["machine", [h("span", { class: `dot ${TONES[item.state] || ""}`, title: words(item.state) }, h("span", { class: "unseen" }, words(item.state))), h("a", { href: `#/fleet/machine/${item.machine}` }, item.machine)]],
    ["why", [toggle, failure && h("p", { class: "error", role: "alert" }, failure)]],
    ["site", item.site && h("span", { title: item.site }, where(item))],
    ["person", item.technician && h("span", { title: item.technician }, called(item))],
    ["number", wrong(item) > 0 && dollars(wrong(item))],
    ["since", item.since && ago(item.since)],
    ["carry", carry(item)],
    ["do", doing(item, rows)],
  ];
  const line = h("tr", { role: "row", class: "item" }, cells.map(([kind, content]) => h("td", { role: "cell", class: kind }, content)));
  return { line, evidence, tick };
}

function causes(item) {
  if (!item.causes.length) return "Nothing known to be wrong";
  return item.causes.map((each) => (CAUSES[each.kind] || words(each.kind)) + (each.count > 1 ? ` (${count(each.count)})` : "")).join("; ");
}

function carry(item) {
  const parts = needed(item);
  return parts && h("span", { class: "cut", title: parts }, parts);
}

function needed(item) {
  const empty = item.stock && item.stock.left_at_least === 0 ? ["gumballs"] : [];
  return [...empty, ...item.parts].join(", ");
}

function doing(item, rows) {
  if (item.dispatch) return badge("On the way", "good");
  if (!may("POST", "/dispatches")) return null;
  if (!item.technician) return h("a", { href: `#/fleet/machine/${item.machine}`, "aria-label": `Assign a technician to ${item.machine}` }, "Assign");
  const label = `Send ${called(item).split(" ")[0]}`;
  const button = h("button", { type: "button", "aria-label": `${label} to ${item.machine}`, onclick: () => busy(button, () => rows.send([item], "")) }, label);
  return button;
}

function why(item, rows) {
  const renew = () => rows.renew(item.machine);
  return h("div", {},
    (item.since || needed(item)) && h("p", { class: "narrow" }, item.since && h("span", {}, "Since: ", ago(item.since), ". "), needed(item) && `Carry: ${needed(item)}.`),
    item.causes.map((each) => h("div", { class: "cause" }, h("p", {}, h("strong", {}, sentence(each.why))), howWeKnow(each))),
    item.dispatch ? onTheWay(item.dispatch, renew, item.dispatch.technician === item.technician && item.technician_name) : item.technician && sending(item, renew));
}

/** Returns the items by group, each in the order of the list; groups by `order`, then as they come. */
function groups(items, group) {
  const found = new Map();
  for (const item of items) {
    const key = group.key(item);
    found.set(key, [...(found.get(key) || []), item]);
  }
  const sorted = [...found.values()].map((each) => ({ items: each, order: group.order(each[0]) }));
  return sorted.sort((one, other) => one.order - other.order);
}

function typing(evidence) {
  return [...evidence.querySelectorAll("input, textarea")].some((each) => each.value && each.type !== "checkbox");
}

function sendable(item) {
  return !item.dispatch && Boolean(item.technician);
}

function wrong(item) {
  return item.unserved_cents + item.given_away_cents;
}

function called(item) {
  return item.technician_name || item.technician;
}

function where(item) {
  return item.site_name || item.site;
}
