/** Brings up the page: what the API can do, the areas, and which of them is shown. */

import { get } from "./api.js";
import { arrive, mustSignIn, person, signIn, SignInError, signOut } from "./auth.js";
import { h, say } from "./dom.js";
import { failure, loading, section } from "./parts.js";
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
];

const main = document.getElementById("main");
let areas = [];
let closed = [];
let turn = 0;

async function start() {
  main.replaceChildren(loading());
  try {
    const [stage] = await Promise.all([get("/auth"), learn()]);
    await arrive(stage);
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
  document.getElementById("areas").replaceChildren(...areas.map(({ name, title }) => h("a", { href: `#/${name}` }, title)));
  // The address names the screen, so this link must not change it.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  window.addEventListener("hashchange", () => show(true));
  await show(false);
}

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
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const area = areas.find((each) => each.name === name) || areas[0];
  mark("areas", area.name);
  try {
    const { tabs } = await import(`./${area.name}.js`);
    if (mine !== turn) return;
    const open = tabs.filter((each) => !each.needs || may(...each.needs));
    const tab = open.find((each) => each.name === rest[0]) || open[0];
    const content = tab.show(rest.slice(1), areas, closed);
    main.replaceChildren(...heading(area, tab, open), content);
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
