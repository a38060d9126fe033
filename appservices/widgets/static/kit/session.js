/**
 * Who the person is, in this tab. The token lives in memory. When the page goes away it lies in
 * sessionStorage until the next page of this tab takes it out at once, so that reload, links
 * between our pages and the back button work. Never in a frame, never in localStorage, no cookies.
 *
 * @typedef {object} Session
 * @property {string} token
 * @property {"low" | "room" | "verified"} level how sure the service is of the person
 * @property {string} person Matrix user id
 * @property {number} expires_at_ms
 * @property {string} language
 */
import { listeners } from "./listeners.js";
import { isFramed } from "./page.js";

/** How the names begin of what our pages keep in a tab. */
const OURS = "veche.";
const PLACE = `${OURS}session`;

/** @type {Session | undefined} */
let current = take();
const { watch, tell } = listeners();

/** @returns {Session | undefined} none while the person is not signed in */
export function session() {
    return current;
}

/** @param {Session} begun as the service answered */
export function begin(begun) {
    if (isFramed) throw new Error("no session in a frame");
    current = begun;
    tell();
}

/** @type {(() => Promise<unknown>) | undefined} */
let renewal;

/** @param {() => Promise<unknown>} renew begins a session again where one has ended */
export function renewBy(renew) {
    renewal = renew;
}

/** Begins a session again if this page can; whether there is one, `session` says then. */
export async function renewed() {
    await renewal?.().catch(() => {});
}

/** Forgets the session here; signing out at the service is the caller's. */
export function end() {
    current = undefined;
    tell();
}

/** The person has signed out: what our pages kept for them in this tab goes, too. */
export function forgetTab() {
    try {
        for (const name of Object.keys(sessionStorage))
            if (name.startsWith(OURS)) sessionStorage.removeItem(name);
    } catch {
        // Storage is refused: nothing is there.
    }
}

/**
 * @param {() => void} changed called when a session begins or ends
 * @returns {() => void} stops it
 */
export const whenChanged = (changed) => watch(changed);

/** @returns {Session | undefined} */
function take() {
    if (isFramed) return undefined;
    try {
        const kept = sessionStorage.getItem(PLACE);
        sessionStorage.removeItem(PLACE);
        // Whether it is over, the service says: the clock of this machine may be wrong.
        return kept ? /** @type {Session} */ (JSON.parse(kept)) : undefined;
    } catch {
        return undefined; // storage is refused, or holds nonsense: then the person signs in again
    }
}

if (!isFramed) {
    window.addEventListener("pagehide", () => {
        if (!current) return;
        try {
            sessionStorage.setItem(PLACE, JSON.stringify(current));
        } catch {
            // Storage is refused: the session ends with the page.
        }
    });
    // Back to a page that the browser has kept: what happened since on other pages counts, also
    // that the person signed out there.
    window.addEventListener("pageshow", (event) => {
        if (!event.persisted) return;
        current = take();
        tell();
    });
}
