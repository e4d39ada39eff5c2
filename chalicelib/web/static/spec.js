/** What the API takes, cut from its own OpenAPI document: a type that is added there is added here. */

import { allowed } from "./auth.js";

/** Paths with their methods: { scopes, key, takes }, each as far as there is anything to say. */
let contract = {};

/** Takes the contract of the stage; everything else here is of no use before. */
export function learn(told) {
  contract = told;
}

/** Returns whether the API has this route. */
export function knows(method, path) {
  return Boolean(contract[path]?.[method]);
}

/** Returns whether the API has this route and whoever is here may call it. */
export function may(method, path) {
  return knows(method, path) && allowed(scopes(method, path));
}

/** Returns the scopes of which any one would open a route. */
export function scopes(method, path) {
  return contract[path]?.[method]?.scopes || [];
}

/** Returns whether a route takes an Idempotency-Key. */
export function takesKey(method, path) {
  return Boolean(contract[path]?.[method]?.key);
}

/** Returns what is said of the values of a route's body or query, by name. */
export function taken(method, path) {
  return contract[path]?.[method]?.takes || {};
}

/** Returns the values that a property may have, if they are listed. */
export function choices(property) {
  return property?.enum || [];
}

/** Returns the attributes that a property asks of an input. */
export function limits(property) {
  return property?.maxLength ? { maxlength: property.maxLength } : {};
}
