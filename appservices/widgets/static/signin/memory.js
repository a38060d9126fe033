/**
 * What this tab remembers of a sign-in that is under way: a phone throws the page away while its
 * person reads the code elsewhere, and single sign-on leaves the page altogether. No secret that
 * signs anybody in by itself: a request is good only together with the code.
 *
 * @typedef {object} Underway
 * @property {string} [back] path to return to
 * @property {string} [person] whose code was asked for
 * @property {string} [request]
 * @property {number} [asked_at_ms]
 * @property {string} [state] of single sign-on
 * @property {string} [homeserver] base address where it was begun
 */

import { keepStored, stored } from "../kit/stored.js";

const PLACE = "veche.signin";
const OWNER = "veche.owner";
const OWNER_MS = 12 * 3_600_000;

/** @type {Underway} */
let underway = read();

/** @returns {Readonly<Underway>} */
export function recall() {
    return underway;
}

/**
 * @param {Underway} more replaces what has the same names
 * @returns {boolean} whether it outlives this page
 */
export function remember(more) {
    underway = { ...underway, ...more };
    return keepStored("session", PLACE, underway);
}

/** The sign-in is over. */
export function forget() {
    underway = {};
    keepStored("session", PLACE, undefined);
}

/**
 * Whether somebody has said here, in the last half day, that they are this person. So who goes from
 * the app to a page is asked once, and a link of somebody else always asks.
 * @param {string} person Matrix id
 */
export function isOwner(person) {
    const { is, until_ms: until = 0 } = stored("local", OWNER) ?? {};
    return is === person && Date.now() < until;
}

/** @param {string | undefined} person Matrix id; undefined: nobody has said so */
export function keepOwner(person) {
    const owner = person && { is: person, until_ms: Date.now() + OWNER_MS };
    keepStored("local", OWNER, owner || undefined);
}

/** @returns {Underway} */
function read() {
    const kept = stored("session", PLACE);
    return typeof kept === "object" ? kept : {};
}
