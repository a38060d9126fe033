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

const PLACE = "veche.signin";

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
    try {
        sessionStorage.setItem(PLACE, JSON.stringify(underway));
        return true;
    } catch {
        return false; // storage is refused: it lasts as long as the page
    }
}

/** The sign-in is over. */
export function forget() {
    underway = {};
    try {
        sessionStorage.removeItem(PLACE);
    } catch {
        // Storage is refused: nothing is there.
    }
}

/** @returns {Underway} */
function read() {
    try {
        const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "{}");
        return typeof kept === "object" && kept !== null ? kept : {};
    } catch {
        return {};
    }
}
