/** Brings up the page: what the API can do, the areas, and which of them is shown. */

import { h } from "./dom.js";
import { failure, loading } from "./parts.js";
import { knows, learn } from "./spec.js";

/** The areas: each is there when the API knows the route that it stands on. */
const AREAS = [
  { name: "start", title: "Start", needs: ["GET", "/health"] },
  { name: "fleet", title: "Fleet", needs: ["GET", "/fleet"] },
  { name: "files", title: "Files", needs: ["GET", "/files"] },
  { name: "deliveries", title: "Deliveries", needs: ["POST", "/packages"] },
  { name: "ledger", title: "Ledger", needs: ["POST", "/transactions"] },
  { name: "warranties", title: "Warranties", needs: ["POST", "/warranties"] },
  { name: "bakery", title: "Bakery", needs: ["GET", "/cakes"] },
];

const main = document.getElementById("main");
let areas = [];
let turn = 0;

async function start() {
  main.replaceChildren(loading());
  try {
    await learn();
  } catch (error) {
    main.replaceChildren(failure(error, start));
    return;
  }
  areas = AREAS.filter((each) => knows(...each.needs));
  document.getElementById("areas").replaceChildren(...areas.map(({ name, title }) => h("a", { href: `#/${name}` }, title)));
  // The address names the screen, so this link must not change it.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  window.addEventListener("hashchange", () => show(true));
  await show(false);
}

/** Shows what the address names: #/area/tab/more. */
async function show(moved) {
  turn += 1;
  const mine = turn;
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const area = areas.find((each) => each.name === name) || areas[0];
  mark("areas", area.name);
  try {
    const { tabs } = await import(`./${area.name}.js`);
    if (mine !== turn) return;
    const tab = tabs.find((each) => each.name === rest[0]) || tabs[0];
    const content = tab.show(rest.slice(1), areas);
    main.replaceChildren(...heading(area, tab, tabs), content);
    document.title = `${tab.title === area.title ? area.title : `${tab.title} – ${area.title}`} – Backroom`;
    if (moved) main.querySelector("h1").focus();
  } catch (error) {
    main.replaceChildren(failure(error, () => show(moved)));
  }
}

function heading(area, tab, tabs) {
  const shown = tabs.filter((each) => !each.hidden);
  const links = shown.map(({ name, title }) => h("a", {
    href: `#/${area.name}/${name}`, "aria-current": (tab.within || tab.name) === name ? "page" : null,
  }, title));
  return [
    h("h1", { tabindex: "-1" }, area.title),
    shown.length > 1 && h("nav", { class: "tabs", "aria-label": area.title }, links),
  ].filter(Boolean);
}

function mark(id, name) {
  for (const link of document.getElementById(id).children) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

await start();
