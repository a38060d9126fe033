/**
 * What the address of the page carries, taken out of it before anything else is done: the secret of
 * a link must not stay where shoulders, screenshots and the history see it.
 *
 * Import it first. `taken` is all that the rest of the page knows of the address.
 *
 * @typedef {object} Taken
 * @property {string} secret of a link, or empty
 * @property {string} back path to return to, or empty
 * @property {string} loginToken of a homeserver's single sign-on, or empty
 * @property {string} state with which that was begun, or empty
 * @property {boolean} isOfApp whether the app has sent the person here
 */
import { ownPath } from "../kit/own_path.js";

const SECRET = /^[A-Za-z0-9_-]{22}$/;
const TOKEN_CHARACTERS_MAX = 4_000;

/** @param {Location} address @returns {Taken} */
export function readAddress({ hash, search, origin }) {
    const fragment = hash.slice(1);
    const query = new URLSearchParams(search);
    const named = new URLSearchParams(SECRET.test(fragment) ? "" : fragment);
    // A bot's link has the secret alone; the app adds where to go then.
    const secret = named.get("secret") ?? fragment;
    return {
        secret: SECRET.test(secret) ? secret : "",
        back: ownPath(named.get("return"), origin),
        loginToken: (query.get("loginToken") ?? "").slice(0, TOKEN_CHARACTERS_MAX),
        state: query.get("sso") ?? "",
        isOfApp: SECRET.test(named.get("secret") ?? ""),
    };
}

/** Leaves of the address what may stay: language and theme. */
function clean() {
    const query = new URLSearchParams(location.search);
    const kept = new URLSearchParams();
    for (const name of ["lang", "theme"]) {
        const value = query.get(name);
        if (value) kept.set(name, value);
    }
    const search = kept.size ? `?${kept}` : "";
    history.replaceState(null, "", location.pathname + search);
}

/** @type {Taken} */
export const taken = readAddress(location);
clean();
