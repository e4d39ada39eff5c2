/** Brings up the page: what the API can do, the areas, and which of them is shown. */

import { Problem, unreachable } from "./api.js";
import { arrive, mustSignIn, person, signIn, SignInError, signOut } from "./auth.js";
import { h, say } from "./dom.js";
import { failure, loading, nothing, section } from "./parts.js";
import { knows, learn, may, scopes } from "./spec.js";

/**
 * The areas: each is there when the API knows the route that it stands on, and open to whoever may
 * call one of its routes.
 */
const AREAS = [
  { name: "start", title: "Overview", needs: ["GET", "/health"] },
  { name: "fleet", title: "Fleet", needs: ["GET", "/worklist"] },
  { name: "files", title: "Files", needs: ["GET", "/files"] },
  { name: "deliveries", title: "Deliveries", needs: ["POST", "/packages"], or: ["GET", "/statistics"] },
  { name: "ledger", title: "Ledger", needs: ["POST", "/transactions"], or: ["GET", "/accounts"] },
  { name: "warranties", title: "Warranties", needs: ["POST", "/warranties"], or: ["GET", "/plans"] },
  { name: "bakery", title: "Bakery", needs: ["GET", "/cakes"], or: ["GET", "/employees"] },
  { name: "operations", title: "Operations", needs: ["GET", "/outbox"], or: ["GET", "/integrations"] },
];

const SCROLLS = "backroom.scrolls";
const SETTLES_MS = 3_000;

const main = document.getElementById("main");
let areas = [];
let closed = [];
let turn = 0;
let entry = 0;
let settling = new AbortController();
/** @type {Promise<any> | null} */
let styles = null;
const expected = new Set();

async function start() {
  main.replaceChildren(loading());
  try {
    const { auth, contract } = JSON.parse(document.getElementById("stage").textContent);
    learn(contract);
    await arrive(auth);
  } catch (error) {
    if (error instanceof SignInError) welcome(error.message);
    else main.replaceChildren(failure(error, start));
    return;
  }
  if (mustSignIn()) {
    welcome();
    return;
  }
  const known = AREAS.filter((each) => knows(...each.needs));
  areas = known.filter((each) => may(...each.needs) || (each.or && may(...each.or)));
  closed = known.filter((each) => !areas.includes(each)).map(({ title, needs }) => ({ title, scopes: scopes(...needs) }));
  showPerson();
  document.getElementById("areas").replaceChildren(...areas.map(({ name, title }) => h("a", { href: `#/${name}`, onpointerenter: expect, onfocus: expect }, title)));
  // The address names the screen, so this link must not change it.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  const finder = document.getElementById("search");
  finder.hidden = false;
  finder.addEventListener("click", find);
  window.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      find();
    }
  });
  history.scrollRestoration = "manual";
  window.addEventListener("hashchange", () => show(true));
  window.addEventListener("pagehide", leave);
  await show(false);
}

/** Opens the search over everything. */
async function find() {
  try {
    const [{ search }] = await Promise.all([import("./search.js"), styled()]);
    search(areas);
  } catch {
    say("The search is unreachable.");
  }
}

/** Notes how far one had scrolled on the screen that is left. */
function leave() {
  const scrolls = remembered();
  scrolls[entry] = Math.round(window.scrollY);
  try {
    sessionStorage.setItem(SCROLLS, JSON.stringify(scrolls));
  } catch {
    // Then Back begins at the top.
  }
}

/** Returns how far one had scrolled on this screen if one comes back to it, else 0. */
function arriving() {
  const known = history.state?.entry;
  if (known) {
    entry = known;
    return remembered()[known] || 0;
  }
  entry = Date.now();
  history.replaceState({ entry }, "");
  return 0;
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(SCROLLS)) || {};
  } catch {
    return {};
  }
}

/** Scrolls there once the screen is that long, and again while it still grows, unless somebody scrolls first. */
function scrollBack(to) {
  if (!to) {
    window.scrollTo(0, 0);
    return;
  }
  const done = new AbortController();
  settling = done;
  const grown = new ResizeObserver(() => {
    if (document.documentElement.scrollHeight < to + window.innerHeight) return;
    window.scrollTo(0, to);
  });
  done.signal.addEventListener("abort", () => grown.disconnect());
  for (const event of ["wheel", "pointerdown", "keydown"]) window.addEventListener(event, () => done.abort(), { signal: done.signal, passive: true });
  setTimeout(() => done.abort(), SETTLES_MS);
  grown.observe(main);
}

function showConnection() {
  document.getElementById("offline").hidden = navigator.onLine;
}

window.addEventListener("online", showConnection);
window.addEventListener("offline", showConnection);
showConnection();

/** Shows how to come in, and why the last try did not work if it did not. */
function welcome(trouble) {
  const wrong = h("div", { role: "alert" }, trouble && h("p", { class: "box bad" }, trouble));
  const enter = async () => {
    try {
      await signIn();
    } catch (error) {
      const known = error instanceof SignInError ? error.message : "The identity provider cannot be reached. Try again in a moment.";
      wrong.replaceChildren(h("p", { class: "box bad" }, known));
    }
  };
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, "Backroom"),
    section("Sign in", wrong,
      h("p", {}, "Sign in with your organisation's account to see your work."),
      h("button", { type: "button", onclick: enter }, "Sign in")));
  document.title = "Sign in – Backroom";
}

/** Says who is here, on every screen, and lets them leave. */
function showPerson() {
  const here = person();
  const place = document.getElementById("who");
  place.replaceChildren(...(here ? [
    h("span", {}, here.technician ? `${here.subject} (${here.technician})` : here.subject),
    h("button", { type: "button", class: "plain", onclick: signOut }, "Sign out"),
  ] : []));
  // What was typed stays until one chooses to sign in again.
  window.addEventListener("signedout", () => place.replaceChildren(
    h("span", { role: "status" }, "Your session has expired."),
    h("button", { type: "button", class: "plain", onclick: () => signIn().catch(() => say("The identity provider cannot be reached.")) }, "Sign in again")), { once: true });
}

/** Shows what the address names: #/area/tab/more. */
async function show(moved) {
  turn += 1;
  const mine = turn;
  settling.abort();
  if (moved) leave();
  const scrolled = arriving();
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const area = name ? areas.find((each) => each.name === name) : areas[0];
  mark("areas", area?.name);
  try {
    if (area) await open(area, rest, mine);
    else lost(AREAS.some((each) => each.name === name));
    if (mine !== turn) return;
    if (moved) main.querySelector("h1").focus({ preventScroll: true });
    scrollBack(scrolled);
  } catch (error) {
    // A script that cannot be fetched is a TypeError like any fault of ours.
    main.replaceChildren(failure(navigator.onLine ? error : unreachable(), () => show(moved)));
  }
}

/**
 * @param {{name: string, title: string}} area
 * @param {string[]} path
 * @param {number} mine
 */
async function open(area, [tabName = "", ...rest], mine) {
  const { tabs } = await loaded(area.name);
  if (mine !== turn) return;
  const known = tabs.filter((each) => !each.needs || may(...each.needs));
  const tab = tabName ? known.find((each) => each.name === tabName) : known[0];
  if (!tab) {
    lost(tabs.some((each) => each.name === tabName));
    return;
  }
  main.replaceChildren(...heading(area, tab, known), tab.show(rest, areas, closed));
  document.title = `${tab.title === area.title ? area.title : `${tab.title} – ${area.title}`} – Backroom`;
}

/** Returns the script of an area; it is missing when another version has been deployed meanwhile. */
async function loaded(name) {
  try {
    const [script] = await Promise.all([import(`./${name}.js`), name === AREAS[0].name || styled()]);
    return script;
  } catch (error) {
    if (!(error instanceof TypeError) || !navigator.onLine) throw error;
    throw new Problem(0, { title: "This page is out of date or unreachable", detail: "Reload it to get the newest version." });
  }
}

/** Has the styles that the overview does without. */
function styled() {
  styles ||= new Promise((done) => {
    const failed = () => { styles = null; done(); };
    document.head.append(h("link", { rel: "stylesheet", href: new URL("./areas.css", import.meta.url), onload: done, onerror: failed }));
  });
  return styles;
}

/** Has the script of an area on its way while the pointer is still on its link. */
function expect({ target }) {
  const name = target.hash?.slice(2);
  if (!name || expected.has(name)) return;
  expected.add(name);
  if (name !== AREAS[0].name) styled();
  document.head.append(h("link", { rel: "modulepreload", href: new URL(`./${name}.js`, import.meta.url) }));
}

/** Says that nothing is at this address, or nothing for whoever is here. */
function lost(refused) {
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, refused ? "No access" : "Page not found"),
    nothing(refused ? "This stage does not have this page, or your account has no access to it." : `There is no page at ${location.hash}.`,
      h("p", {}, h("a", { class: "button", href: `#/${areas[0].name}` }, areas[0].title))));
  document.title = "Page not found – Backroom";
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
  for (const link of document.getElementById(id).getElementsByTagName("a")) {
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

start();
