/**
 * Where the person is in the app. It stands in the fragment, so no server learns which room it is.
 *
 * @typedef {"home" | "chats" | "services" | "me" | "start" | "open" | "unknown"} Place open: on the
 *   way to a page of the other origin
 * @typedef {object} Route
 * @property {Place} place
 * @property {string[]} parts what follows the place: a room, an office and a service
 * @property {string} search what follows a "?", with it, or empty
 */

const PLACES = /** @type {const} */ (["home", "chats", "services", "me", "start", "open"]);

/** @param {string} fragment of the address, with its "#" @returns {Route} */
export function routeOf(fragment) {
    const [, path = "", search = ""] = /^#?\/?([^?]*)(.*)$/s.exec(fragment) ?? [];
    const parts = path.split("/").filter(Boolean).map(decoded);
    const place = PLACES.find((one) => one === (parts[0] ?? "home"));
    return place ? { place, parts: parts.slice(1), search } : { place: "unknown", parts, search };
}

/** @param {Place} place @param {string[]} parts @returns {string} an address within the app */
export function hrefOf(place, ...parts) {
    return `#/${[place, ...parts].map(encodeURIComponent).join("/")}`;
}

/** @param {string} part of an address @returns {string} as it came if it cannot be decoded */
export function decoded(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}
