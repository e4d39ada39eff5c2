/** The ledger: post an amount, move one, see accounts and transactions, take one back. */

import { ask, at, get } from "./api.js";
import { ago, count, h, moment, say } from "./dom.js";
import { form, row } from "./forms.js";
import { list } from "./lists.js";
import { action, badge, facts, fill, live, nothing, section } from "./parts.js";
import { knows, may, takesKey } from "./spec.js";
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
      { name: "amount", label: "Amount", kind: "number", required: true, hint: "A whole number of the smallest unit, such as cents; negative to withdraw", "data-type": "amount" },
    ],
    async send(said, key) {
      const posted = await ask("POST", "/transactions", { json: said, key: takesKey("POST", "/transactions") ? key : undefined });
      const balance = posted.headers.get("Ledger-Balance");
      latest.show(posted.value.transaction_id, balance);
      await latest.reload();
      const account = (await accountsById).get(posted.value.account_id) || {};
      return h("p", { class: "box good" }, `Posted ${amount(posted.value.amount, account, true)} to `, link(posted.value.account_id, account.name), balance && `. The balance is ${amount(balance, account)}.`);
    },
  });
  return h("div", {}, known(), section("Post a transaction", post), section("Transactions", latest));
}

/** The accounts by their ids, as far as they are known; each screen asks for them anew. */
let accountsById = Promise.resolve(new Map());

/** Returns the accounts that fields of accounts offer by name. */
function known() {
  const options = h("datalist", { id: "accounts" });
  if (knows("PUT", "/accounts/{account_id}")) {
    accountsById = get("/accounts", { limit: OFFERED }).then((found) => new Map(found.map((each) => [each.account_id, each])), () => new Map());
    accountsById.then((found) => options.replaceChildren(
      ...[...found.values()].filter((each) => each.name).map((each) => h("option", { value: each.account_id, label: each.name }))));
  }
  return options;
}

/** Returns what `show(account)` makes of an account's id alone, and then of its name, unit and decimals. */
function described(id, show) {
  const place = h("span", {}, show({ account_id: id }));
  accountsById.then((found) => found.has(id) && fill(place, show(found.get(id))));
  return place;
}

/** Returns an account with its name, unit and decimals, or with its id alone where they cannot be read. */
async function accountOf(id) {
  return may("GET", "/accounts/{account_id}") ? get(at`/accounts/${id}`) : { account_id: id };
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
      ["Account", (each) => described(each.account_id, (account) => link(each.account_id, account.name)), "last", (each) => each.account_id],
      ["Amount", (each) => described(each.account_id, (account) => amount(each.amount, account, true)), "number", (each) => each.amount],
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
        ["Entries", (each) => count(each.sequence), "number labelled", (each) => each.sequence],
        ["Last entry", (each) => ago(each.created_at), "", (each) => each.created_at],
      ],
    })));
}

function transaction([id = ""]) {
  const place = live(async () => {
    const { value, headers } = await ask("GET", at`/transactions/${id}`);
    return { value, headers, account: await accountOf(value.account_id) };
  }, ({ value, headers, account: of }) => {
    const [reverses, reversedBy, transfer] = ["Reverses", "Reversed-By", "Transfer"].map((name) => headers.get(`Ledger-${name}`));
    return [
      h("h2", {}, `${amount(value.amount, of, true)} `, reversedBy && badge("Reversed", "warn"), reverses && badge("Reversal", "")),
      facts([
        ["Account", link(value.account_id, of.name)],
        ["When", moment(value.created_at)],
        ["Balance after", amount(headers.get("Ledger-Balance") ?? 0, of)],
        ["Transaction", h("span", { class: "id" }, value.transaction_id)],
        ["Part of", transfer && h("a", { href: `#/ledger/transfer/${transfer}` }, "A transfer")],
        ["Reverses", reverses && other(reverses)],
        ["Reversed by", reversedBy && other(reversedBy)],
      ]),
      !reversedBy && !transfer && h("p", {}, reversal(at`/transactions/${value.transaction_id}/reversal`, place, "transaction", `${amount(-BigInt(value.amount), of, true)} is posted to account ${of.name || value.account_id}.`)),
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
      row({ name: "amount", label: "Amount", kind: "number", required: true, hint: "A whole number of the smallest unit, above 0" }),
      { name: "covered", label: "Only if the paying account stays at 0 or above", kind: "check", aliases: ["from_balance_floor"] },
    ],
    async send({ covered, ...said }, key) {
      const json = covered ? { ...said, from_balance_floor: 0 } : said;
      const { value } = await ask("POST", "/transfers", { json, key: takesKey("POST", "/transfers") ? key : undefined });
      const found = await accountsById;
      const [from, to] = [value.from_account_id, value.to_account_id].map((each) => found.get(each) || {});
      return h("p", { class: "box good" }, `Transferred ${amount(value.amount, from)} from `, link(value.from_account_id, from.name), ` (balance ${amount(value.debit.balance, from)}) to `, link(value.to_account_id, to.name), ` (balance ${amount(value.credit.balance, to)}). `,
        h("a", { href: `#/ledger/transfer/${value.transfer_id}` }, "Show the transfer"));
    },
  });
}

function transfer(id) {
  const place = live(async () => {
    const value = await get(at`/transfers/${id}`);
    const [from, to] = await Promise.all([value.from_account_id, value.to_account_id].map(accountOf));
    return { value, from, to };
  }, ({ value, from, to }) => [
    h("h2", {}, `Transfer of ${amount(value.amount, from)} `, value.reversed_by && badge("Reversed", "warn"), value.reverses && badge("Reversal", "")),
    facts([
      ["From", link(value.from_account_id, from.name)],
      ["To", link(value.to_account_id, to.name)],
      ["When", moment(value.created_at)],
      ["Paying entry", other(value.debit.transaction_id)],
      ["Receiving entry", other(value.credit.transaction_id)],
      ["Reverses", value.reverses && h("a", { class: "id", href: `#/ledger/transfer/${value.reverses}` }, value.reverses)],
      ["Reversed by", value.reversed_by && h("a", { class: "id", href: `#/ledger/transfer/${value.reversed_by}` }, value.reversed_by)],
    ]),
    !value.reversed_by && h("p", {}, reversal(at`/transfers/${value.transfer_id}/reversal`, place, "transfer", `${amount(value.amount, from)} is moved back to account ${from.name || value.from_account_id}.`)),
  ]);
  return place;
}
