/** Search over everything: a machine, an order, a package, a warranty, an account, a name. */

import { at, get, Problem } from "./api.js";
import { h, many, words } from "./dom.js";
import { orderStatus } from "./parts.js";
import { may } from "./spec.js";

const WAIT_MS = 200;
const MOST = 6;
const LISTED = 500;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * What can be found: `needs` is the route that finds it, `find(text)` brings results, none where the text
 * cannot be one of its kind.
 *
 * @typedef {{kind: string, text: string, hint?: string, href: string}} Result
 * @type {{needs: [string, string], find: (text: string) => Promise<Result[]> | Result[]}[]}
 */
const SOURCES = [
  { needs: ["GET", "/machines/{serial}"], find: (text) => /^gm\d{3,18}$/i.test(text) ? one(get(at`/machines/${text.toUpperCase()}`), machine) : [] },
  { needs: ["GET", "/machines"], find: async (text) => named(await known("/machines", { limit: 250 }), text, (each) => each.serial).map(machine) },
  { needs: ["GET", "/orders/{order_id}"], find: (text) => /^#?\d{1,15}$/.test(text) ? one(get(at`/orders/${text.replace("#", "")}`), order) : [] },
  { needs: ["GET", "/orders"], find: async (text) => /^#?\d+$/.test(text) ? [] : (await get("/orders", { customer: text.slice(0, 100), status: "all", limit: MOST })).map(order) },
  { needs: ["GET", "/orders"], find: async (text) => /^#?\d+$/.test(text) ? [] : named(await known("/orders", { limit: LISTED }), text, (each) => each.customer).map(order) },
  { needs: ["GET", "/packages"], find: (text) => text.length <= 128 ? one(get("/packages", { package_id: text }), (each) => ({ kind: "Package", text: each.package_id, hint: each.status === "delivered" ? "Delivered" : "Dropped", href: `#/deliveries/package/${encodeURIComponent(each.package_id)}` })) : [] },
  { needs: ["GET", "/warranties"], find: async (text) => /^[0-9a-z -]{8,64}$/i.test(text) && /\d/.test(text) ? (await get("/warranties", { number: text, limit: MOST })).map((each) => ({ kind: "Warranty", text: each.number || each.id, hint: each.item_title, href: `#/warranties/warranty/${each.id}` })) : [] },
  { needs: ["GET", "/accounts/{account_id}/statement"], find: (text) => UUID.test(text) ? one(get(at`/accounts/${text}`), account) : [] },
  { needs: ["GET", "/transactions/{transaction_id}"], find: (text) => UUID.test(text) ? one(get(at`/transactions/${text}`), (each) => ({ kind: "Transaction", text: each.transaction_id, href: `#/ledger/transaction/${each.transaction_id}` })) : [] },
  { needs: ["GET", "/accounts"], find: async (text) => named(await known("/accounts", { limit: LISTED }), text, (each) => each.name).map(account) },
  { needs: ["GET", "/technicians"], find: async (text) => named(await known("/technicians", { limit: 200 }), text, (each) => `${each.name} ${each.technician_id}`).map((each) => ({ kind: "Technician", text: each.name, hint: many(each.machines.length, "machine"), href: `#/fleet/worklist/${each.technician_id}` })) },
  { needs: ["GET", "/employees"], find: async (text) => named(await known("/employees"), text, (each) => `${each.firstName} ${each.lastName}`).map((each) => ({ kind: "Employee", text: `${each.firstName} ${each.lastName}`, href: "#/bakery/team" })) },
];

/** What has been listed while the search is open. */
let lists = new Map();

function machine(each) {
  return { kind: "Machine", text: each.serial, hint: words(each.state), href: `#/fleet/machine/${each.serial}` };
}

function order(each) {
  return { kind: "Order", text: `#${each.id} ${each.customer}`, hint: orderStatus(each.status), href: `#/bakery/order/${each.id}` };
}

function account(each) {
  return { kind: "Account", text: each.name || each.account_id, href: `#/ledger/account/${each.account_id}` };
}

async function one(found, result) {
  return [result(await found)];
}

function known(path, query) {
  if (!lists.has(path)) lists.set(path, get(path, query));
  return lists.get(path);
}

function named(found, text, name) {
  return found.filter((each) => name(each)?.toLowerCase().includes(text.toLowerCase())).slice(0, MOST);
}

/**
 * Opens the search, unless it is open.
 *
 * @param {{name: string, title: string}[]} areas
 */
export function search(areas) {
  if (document.getElementById("finder")) return;
  lists = new Map();
  let turn = 0;
  let chosen = -1;
  const options = h("ul", { role: "listbox", id: "found", "aria-label": "Results" });
  const told = h("p", { class: "hint", role: "status" }, "A machine, order, package, warranty, account or name.");
  const input = h("input", { type: "text", role: "combobox", "aria-label": "Search", "aria-controls": "found", "aria-expanded": "false", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", placeholder: "GM005, #12, Keisha, a package …" });
  const dialog = h("dialog", { id: "finder", "aria-label": "Search" }, input, options, told);
  const all = () => /** @type {HTMLElement[]} */ ([...options.children]);

  const point = (to) => {
    chosen = to;
    all().forEach((each, place) => each.setAttribute("aria-selected", String(place === chosen)));
    const option = all()[chosen];
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const open = (href) => {
    dialog.close();
    location.hash = href;
  };
  const add = (found) => {
    for (const each of found) {
      const id = `found-${each.href}`;
      if (document.getElementById(id)) continue; // found in two ways
      options.append(h("li", { role: "option", id, "aria-selected": "false", onclick: () => open(each.href), "data-href": each.href },
        h("span", { class: "kind" }, each.kind), h("span", {}, each.text), each.hint && h("span", { class: "hint" }, each.hint)));
    }
    input.setAttribute("aria-expanded", String(options.childElementCount > 0));
    if (chosen < 0 && options.childElementCount) point(0);
  };
  const look = async () => {
    turn += 1;
    const mine = turn;
    const text = input.value.trim();
    options.replaceChildren();
    point(-1);
    if (!text) {
      told.textContent = "";
      return;
    }
    add(areas.filter((each) => each.title.toLowerCase().startsWith(text.toLowerCase())).map((each) => ({ kind: "Area", text: each.title, href: `#/${each.name}` })));
    told.textContent = "Searching …";
    const failed = [];
    await Promise.all(SOURCES.filter((each) => may(...each.needs)).map(async (source) => {
      try {
        const found = await source.find(text);
        if (mine === turn) add(found);
      } catch (error) {
        // What is not there or could never be one is no result; all else is a failure.
        if (!(error instanceof Problem)) throw error;
        if (![400, 403, 404, 422].includes(error.status)) failed.push(error.message);
      }
    }));
    if (mine !== turn) return;
    const number = options.childElementCount;
    told.textContent = [number ? many(number, "result") : `Nothing found for “${text}”`, failed[0]].filter(Boolean).join(". ");
  };

  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, WAIT_MS);
  });
  input.addEventListener("keydown", (event) => {
    const last = options.childElementCount - 1;
    if (event.key === "ArrowDown") point(Math.min(chosen + 1, last));
    else if (event.key === "ArrowUp") point(Math.max(chosen - 1, 0));
    else if (event.key === "Enter" && all()[chosen]) open(all()[chosen].dataset.href);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // on the backdrop
  const gone = () => dialog.close();
  window.addEventListener("hashchange", gone);
  dialog.addEventListener("close", () => {
    turn += 1;
    window.removeEventListener("hashchange", gone);
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}
