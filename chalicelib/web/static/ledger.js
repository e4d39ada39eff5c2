/** The ledger: post an amount, see accounts and transactions, take one back. */

import { ask, at, get } from "./api.js";
import { count, h, moment, say } from "./dom.js";
import { form } from "./forms.js";
import { action, badge, facts, list, live, nothing, section } from "./parts.js";
import { takesKey } from "./spec.js";

export const tabs = [
  { name: "post", title: "Post", needs: ["POST", "/transactions"], show: posting },
  { name: "accounts", title: "Accounts", needs: ["GET", "/accounts"], show: accounts },
  { name: "account", title: "Account", within: "accounts", hidden: true, needs: ["GET", "/accounts/{account_id}"], show: account },
  { name: "transaction", title: "Transaction", within: "post", hidden: true, needs: ["GET", "/transactions/{transaction_id}"], show: transaction },
];

const UUID = "Such as 0b6b5312-1c1e-4c5a-9c0e-5f1d2a7b8c90";

function posting() {
  const latest = transactions({ query: { limit: 50 }, caption: "Newest first", empty: nothing("No transactions yet.") });
  const post = form({
    label: "Post a transaction",
    button: "Post",
    attributes: { "data-type": "transaction-submit" },
    fields: [
      { name: "account_id", label: "Account", required: true, hint: UUID, spellcheck: "false", "data-type": "account-id" },
      { name: "amount", label: "Amount", kind: "number", required: true, hint: "A whole number; negative to withdraw", "data-type": "amount" },
    ],
    async send(said, key) {
      const posted = await ask("POST", "/transactions", { json: said, key: takesKey("POST", "/transactions") ? key : undefined });
      const balance = posted.headers.get("Ledger-Balance");
      latest.show(posted.value.transaction_id, balance);
      await latest.reload();
      return h("p", { class: "box good" }, `Posted ${amount(posted.value.amount)} to `, link(posted.value.account_id), balance && `. The balance is ${count(balance)}.`);
    },
  });
  return h("div", {}, section("Post a transaction", post), section("Transactions", latest));
}

/** Returns a list of transactions, which shows the balance after the one that was posted last. */
function transactions({ query, caption, empty, path = "/transactions" }) {
  let last = {};
  const place = list({
    path,
    query,
    caption,
    empty,
    attributes: (each) => ({
      "data-type": "transaction",
      "data-account-id": each.account_id,
      "data-amount": String(each.amount),
      "data-balance": balanceOf(each, last),
    }),
    columns: [
      ["When", (each) => h("a", { href: `#/ledger/transaction/${each.transaction_id}` }, moment(each.created_at))],
      ["Account", (each) => link(each.account_id)],
      ["Amount", (each) => amount(each.amount), "number"],
      ["Balance after", (each) => (balanceOf(each, last) ? count(balanceOf(each, last)) : "–"), "number"],
    ],
  });
  place.show = (id, balance) => { last = { id, balance }; };
  return place;
}

function balanceOf(each, last) {
  if (each.balance !== undefined) return String(each.balance);
  return each.transaction_id === last.id ? last.balance : null;
}

function accounts() {
  return h("div", {},
    section("Find an account", form({
      button: "Show",
      fields: [{ name: "account_id", label: "Account", kind: "search", required: true, hint: UUID }],
      send: async ({ account_id }) => { await get(at`/accounts/${account_id}`); location.hash = `#/ledger/account/${account_id}`; },
    })),
    section("All accounts", list({
      path: "/accounts",
      query: { limit: 100 },
      caption: "Accounts and balances",
      empty: nothing("No accounts yet; the first transaction creates one.", h("p", {}, h("a", { class: "button", href: "#/ledger" }, "Post a transaction"))),
      columns: [
        ["Account", (each) => link(each.account_id)],
        ["Balance", (each) => count(each.balance), "number"],
        ["Entries", (each) => count(each.sequence), "number"],
        ["Last entry", (each) => moment(each.created_at)],
      ],
    })));
}

function account([id = ""]) {
  return live(() => ask("GET", at`/accounts/${id}`), ({ value, headers }) => [
    h("h2", { class: "id" }, value.account_id),
    facts([["Balance", count(headers.get("Ledger-Balance") ?? value.balance)], ["Entries", count(headers.get("Ledger-Sequence") ?? 0)]]),
    section("Entries", list({
      path: at`/accounts/${id}/entries`,
      query: { limit: 100 },
      caption: "Entries, oldest first",
      empty: nothing("No entries."),
      columns: [
        ["No.", (each) => count(each.sequence), "number"],
        ["When", (each) => h("a", { href: `#/ledger/transaction/${each.transaction_id}` }, moment(each.created_at))],
        ["Amount", (each) => amount(each.amount), "number"],
        ["Balance", (each) => count(each.balance), "number"],
        ["Note", (each) => (each.reverses ? h("a", { href: `#/ledger/transaction/${each.reverses}` }, "Reversal") : "–")],
      ],
    })),
  ]);
}

function transaction([id = ""]) {
  const place = live(() => ask("GET", at`/transactions/${id}`), ({ value, headers }) => {
    const [reverses, reversedBy] = [headers.get("Ledger-Reverses"), headers.get("Ledger-Reversed-By")];
    return [
      h("h2", {}, `${amount(value.amount)} `, reversedBy && badge("Reversed", "warn"), reverses && badge("Reversal", "")),
      facts([
        ["Account", link(value.account_id)],
        ["When", moment(value.created_at)],
        ["Balance after", count(headers.get("Ledger-Balance") ?? 0)],
        ["Transaction", h("span", { class: "id" }, value.transaction_id)],
        ["Reverses", reverses && other(reverses)],
        ["Reversed by", reversedBy && other(reversedBy)],
      ]),
      !reversedBy && h("p", {}, reversal(value, place)),
    ];
  });
  return place;
}

function reversal(value, place) {
  return action("Reverse", async () => {
    await ask("POST", at`/transactions/${value.transaction_id}/reversal`, { again: true });
    say("Transaction reversed.");
    await place.reload();
  }, { tone: "danger", question: {
    title: "Reverse this transaction?",
    text: [h("p", {}, `${amount(-BigInt(value.amount))} is posted to account ${value.account_id}.`), h("p", {}, "Nothing is deleted: both stay in the ledger.")],
    yes: "Reverse",
  } });
}

function other(id) {
  return h("a", { class: "id", href: `#/ledger/transaction/${id}` }, id);
}

function link(id) {
  return h("a", { class: "id", href: `#/ledger/account/${id}` }, id);
}

function amount(number) {
  return BigInt(number) > 0n ? `+${count(number)}` : count(number);
}
