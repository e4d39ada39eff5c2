/** The ledger: post an amount, move one, see accounts and transactions, take one back. */

import { ask, at, get } from "./api.js";
import { ago, count, h, moment, say } from "./dom.js";
import { form, row } from "./forms.js";
import { list } from "./lists.js";
import { action, badge, facts, live, nothing, section } from "./parts.js";
import { knows, takesKey } from "./spec.js";
import { account, amount, link } from "./statement.js";

export const tabs = [
  { name: "post", title: "Transactions", needs: ["POST", "/transactions"], show: posting },
  { name: "transfer", title: "Transfer", needs: ["POST", "/transfers"], show: transfers },
  { name: "accounts", title: "Accounts", needs: ["GET", "/accounts"], show: accounts },
  { name: "account", title: "Account", within: "accounts", hidden: true, needs: ["GET", "/accounts/{account_id}/statement"], show: account },
  { name: "transaction", title: "Transaction", within: "post", hidden: true, needs: ["GET", "/transactions/{transaction_id}"], show: transaction },
];

const UUID = "Such as 0b6b5312-1c1e-4c5a-9c0e-5f1d2a7b8c90";
const OFFERED = 500;

function posting() {
  const latest = transactions();
  const post = form({
    label: "Post a transaction",
    button: "Post",
    attributes: { "data-type": "transaction-submit" },
    fields: [
      { name: "account_id", label: "Account", required: true, hint: UUID, spellcheck: "false", list: "accounts", "data-type": "account-id" },
      { name: "amount", label: "Amount", kind: "number", required: true, hint: "A whole number; negative to withdraw", "data-type": "amount" },
    ],
    async send(said, key) {
      const posted = await ask("POST", "/transactions", { json: said, key: takesKey("POST", "/transactions") ? key : undefined });
      const balance = posted.headers.get("Ledger-Balance");
      latest.show(posted.value.transaction_id, balance);
      await latest.reload();
      return h("p", { class: "box good" }, `Posted ${amount(posted.value.amount, {}, true)} to `, link(posted.value.account_id), balance && `. The balance is ${count(balance)}.`);
    },
  });
  return h("div", {}, known(), section("Post a transaction", post), section("Transactions", latest));
}

/** Returns the accounts that fields of accounts offer by name. */
function known() {
  const options = h("datalist", { id: "accounts" });
  if (knows("PUT", "/accounts/{account_id}")) {
    get("/accounts", { limit: OFFERED }).then((found) => options.replaceChildren(
      ...found.filter((each) => each.name).map((each) => h("option", { value: each.account_id, label: each.name }))), () => {});
  }
  return options;
}

/** Returns a list of transactions; the one that was posted last has the balance after it as data. */
function transactions() {
  let last = {};
  const place = list({
    path: "/transactions",
    query: { limit: 50 },
    caption: "Newest first",
    empty: nothing("No transactions yet."),
    key: (each) => each.transaction_id,
    noun: ["transaction"],
    brief: true,
    attributes: (each) => ({
      "data-type": "transaction",
      "data-account-id": each.account_id,
      "data-amount": String(each.amount),
      "data-balance": each.transaction_id === last.id ? last.balance : null,
    }),
    columns: [
      ["When", (each) => h("a", { href: `#/ledger/transaction/${each.transaction_id}` }, ago(each.created_at)), "", (each) => each.created_at],
      ["Account", (each) => link(each.account_id), "", (each) => each.account_id],
      ["Amount", (each) => amount(each.amount, {}, true), "number", (each) => each.amount],
    ],
  });
  place.show = (id, balance) => { last = { id, balance }; };
  return place;
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
      key: (each) => each.account_id,
      noun: ["account"],
      brief: true,
      columns: [
        ["Account", (each) => link(each.account_id, each.name), "", (each) => each.name || each.account_id],
        ["Balance", (each) => amount(each.balance, each), "number", (each) => each.balance],
        ["Entries", (each) => count(each.sequence), "number", (each) => each.sequence],
        ["Last entry", (each) => ago(each.created_at), "", (each) => each.created_at],
      ],
    })));
}

function transaction([id = ""]) {
  const place = live(() => ask("GET", at`/transactions/${id}`), ({ value, headers }) => {
    const [reverses, reversedBy, transfer] = ["Reverses", "Reversed-By", "Transfer"].map((name) => headers.get(`Ledger-${name}`));
    return [
      h("h2", {}, `${amount(value.amount, {}, true)} `, reversedBy && badge("Reversed", "warn"), reverses && badge("Reversal", "")),
      facts([
        ["Account", link(value.account_id)],
        ["When", moment(value.created_at)],
        ["Balance after", count(headers.get("Ledger-Balance") ?? 0)],
        ["Transaction", h("span", { class: "id" }, value.transaction_id)],
        ["Part of", transfer && h("a", { href: `#/ledger/transfer/${transfer}` }, "A transfer")],
        ["Reverses", reverses && other(reverses)],
        ["Reversed by", reversedBy && other(reversedBy)],
      ]),
      !reversedBy && !transfer && h("p", {}, reversal(at`/transactions/${value.transaction_id}/reversal`, place, "transaction", `${amount(-BigInt(value.amount), {}, true)} is posted to account ${value.account_id}.`)),
    ];
  });
  return place;
}

/** Returns the button that takes a transaction or a transfer back. */
function reversal(path, place, noun, what) {
  return action("Reverse", async () => {
    await ask("POST", path, { again: true });
    say(`The ${noun} is reversed.`);
    await place.reload();
  }, { tone: "danger", question: {
    title: `Reverse this ${noun}?`,
    text: [h("p", {}, what), h("p", {}, "Nothing is deleted: both stay in the ledger.")],
    yes: "Reverse",
  } });
}

function other(id) {
  return h("a", { class: "id", href: `#/ledger/transaction/${id}` }, id);
}

function transfers([id = ""]) {
  return id ? transfer(id) : h("div", {}, known(), section("Transfer between accounts", transferring()));
}

function transferring() {
  return form({
    button: "Transfer",
    fields: [
      { name: "from_account_id", label: "From account", required: true, hint: UUID, spellcheck: "false", list: "accounts" },
      { name: "to_account_id", label: "To account", required: true, spellcheck: "false", list: "accounts" },
      row({ name: "amount", label: "Amount", kind: "number", required: true, hint: "A whole number above 0" }),
      { name: "covered", label: "Only if the paying account stays at 0 or above", kind: "check", aliases: ["from_balance_floor"] },
    ],
    async send({ covered, ...said }, key) {
      const json = covered ? { ...said, from_balance_floor: 0 } : said;
      const { value } = await ask("POST", "/transfers", { json, key: takesKey("POST", "/transfers") ? key : undefined });
      return h("p", { class: "box good" }, `Transferred ${amount(value.amount)} from `, link(value.from_account_id), ` (balance ${count(value.debit.balance)}) to `, link(value.to_account_id), ` (balance ${count(value.credit.balance)}). `,
        h("a", { href: `#/ledger/transfer/${value.transfer_id}` }, "Show the transfer"));
    },
  });
}

function transfer(id) {
  const place = live(() => get(at`/transfers/${id}`), (value) => [
    h("h2", {}, `Transfer of ${amount(value.amount)} `, value.reversed_by && badge("Reversed", "warn"), value.reverses && badge("Reversal", "")),
    facts([
      ["From", link(value.from_account_id)],
      ["To", link(value.to_account_id)],
      ["When", moment(value.created_at)],
      ["Paying entry", other(value.debit.transaction_id)],
      ["Receiving entry", other(value.credit.transaction_id)],
      ["Reverses", value.reverses && h("a", { class: "id", href: `#/ledger/transfer/${value.reverses}` }, value.reverses)],
      ["Reversed by", value.reversed_by && h("a", { class: "id", href: `#/ledger/transfer/${value.reversed_by}` }, value.reversed_by)],
    ]),
    !value.reversed_by && h("p", {}, reversal(at`/transfers/${value.transfer_id}/reversal`, place, "transfer", `${amount(value.amount)} is moved back to account ${value.from_account_id}.`)),
  ]);
  return place;
}
