/**
 * Who is using the page: signing in at the stage's identity provider, and the token that follows.
 *
 * Authorization code with PKCE (RFC 7636). What comes of it is kept in sessionStorage: it is this
 * tab's alone and gone with it. An open stage asks for nothing, and then nothing here does anything.
 */

const BASE = new URL(".", document.baseURI);
const SESSION = "backroom.session";
const ATTEMPT = "backroom.attempt";
const EARLY_MS = 30_000;

let stage = { auth: "open", scopes: {} };
let session = null;
let provider = null;
let renewing = null;

/** What went wrong with a sign-in, in words for whoever tried. */
export class SignInError extends Error {}

/** Takes what the stage says of its callers, and the answer of a sign-in if the address has one. */
export async function arrive(told) {
  stage = told;
  if (stage.auth === "open") return;
  session = kept(SESSION);
  const answer = new URLSearchParams(location.search);
  if (answer.has("state")) await finish(answer);
}

/** Returns whether one has to sign in before anything else. */
export function mustSignIn() {
  return stage.auth !== "open" && !session;
}

/** Returns who is signed in: { subject, technician, scopes }, or null. */
export function person() {
  return session && about(session.access);
}

/** Returns whether a caller with one of these scopes, or without any if there are none, may call. */
export function allowed(scopes) {
  if (stage.auth === "open" || !scopes.length) return true;
  const mine = person()?.scopes || [];
  return scopes.some((scope) => mine.includes(scope));
}

/** Returns the token to send, renewed if it is about to end; null without a sign-in. */
export async function bearer() {
  if (!session) return null;
  if (session.refresh && Date.now() > session.until - EARLY_MS) {
    renewing ||= renew().finally(() => { renewing = null; });
    await renewing;
  }
  return session?.access ?? null;
}

/** Leads to the identity provider, and from there back to where one is. Throws SignInError. */
export async function signIn() {
  if (!stage.client_id) throw new SignInError("Signing in is not set up here: the stage has no client id.");
  const { authorization_endpoint: there, scopes_supported: known = [] } = await discovered();
  const attempt = { verifier: random(48), state: random(24), hash: location.hash };
  keep(ATTEMPT, attempt);
  const proof = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(attempt.verifier));
  const always = ["openid", "offline_access"].filter((each) => known.includes(each));
  const address = new URL(there);
  for (const [name, value] of Object.entries({
    response_type: "code",
    client_id: stage.client_id,
    redirect_uri: BASE.href,
    scope: [...always, ...Object.keys(stage.scopes)].join(" "),
    audience: stage.audience,
    state: attempt.state,
    code_challenge: base64url(new Uint8Array(proof)),
    code_challenge_method: "S256",
  })) address.searchParams.set(name, value);
  location.assign(address);
}

/** Forgets the sign-in, here and at the provider, and begins anew. */
export async function signOut() {
  const ended = session;
  forget(SESSION);
  session = null;
  try {
    const { revocation_endpoint: there } = await discovered();
    if (there && ended?.refresh) await post(there, { token: ended.refresh, client_id: stage.client_id });
  } catch {
    // The token ends by itself.
  }
  location.assign(BASE);
}

/** Notes that the API no longer takes the token: one has to sign in again. */
export function refused() {
  if (session) window.dispatchEvent(new Event("signedout"));
}

async function finish(answer) {
  const attempt = kept(ATTEMPT);
  forget(ATTEMPT);
  history.replaceState(null, "", `${BASE.pathname}${attempt?.hash || ""}`);
  const ours = attempt && attempt.state === answer.get("state");
  if (!ours || (answer.has("iss") && answer.get("iss") !== stage.issuer)) {
    throw new SignInError("This sign-in was not started in this tab. Sign in again.");
  }
  if (!answer.get("code")) {
    throw new SignInError(`Sign-in failed: ${answer.get("error_description") || answer.get("error") || "no reason was given"}.`);
  }
  const { token_endpoint: there } = await discovered();
  take(await post(there, {
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: BASE.href,
    client_id: stage.client_id,
    code_verifier: attempt.verifier,
  }));
}

async function renew() {
  try {
    const { token_endpoint: there } = await discovered();
    take(await post(there, { grant_type: "refresh_token", refresh_token: session.refresh, client_id: stage.client_id }));
  } catch (error) {
    // A provider that is down ends nothing; one that refuses does.
    if (!(error instanceof SignInError)) return;
    session.refresh = null;
    refused();
  }
}

function take({ access_token: access, refresh_token: refresh, expires_in: seconds = 300 }) {
  session = { access, refresh: refresh || session?.refresh, until: Date.now() + Number(seconds) * 1000 };
  keep(SESSION, session);
}

async function discovered() {
  if (provider) return provider;
  const found = await (await fetch(`${stage.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`)).json();
  if (found.issuer !== stage.issuer) throw new SignInError("The identity provider reports a different issuer than this stage expects.");
  provider = found;
  return provider;
}

async function post(address, values) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(values), cache: "no-store" });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new SignInError(`The identity provider rejected the request: ${told.error_description || told.error || answer.status}`);
  return told;
}

/** Reads a token. It is the API that checks it. */
function about(token) {
  const claims = read(token);
  const prefix = stage.scope_prefix || "";
  const scopes = ["scope", "scp", "permissions"].flatMap((name) => list(claims[name]))
    .filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length));
  return { subject: String(claims.sub || "somebody"), technician: claims[stage.technician_claim], scopes };
}

function read(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (each) => each.charCodeAt(0))));
  } catch {
    return {};
  }
}

function list(value) {
  if (typeof value === "string") return value.split(" ").filter(Boolean);
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function random(size) {
  return base64url(crypto.getRandomValues(new Uint8Array(size)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    throw new SignInError("This browser blocks session storage, which signing in needs.");
  }
}

function forget(name) {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}
