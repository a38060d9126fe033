/**
 * What a tab ("session") or this browser ("local") keeps by name, as JSON. Where storage is refused
 * or full, nothing is kept, and nothing is there.
 *
 * @typedef {"session" | "local"} Where
 */

/** @param {Where} where @returns {Storage} @throws {DOMException} it is refused */
const storageOf = (where) => (where === "local" ? localStorage : sessionStorage);

/** @param {Where} where @param {string} name @returns {any} undefined: nothing, or nonsense */
export function stored(where, name) {
    try {
        return JSON.parse(storageOf(where).getItem(name) ?? "null") ?? undefined;
    } catch {
        return undefined;
    }
}

/**
 * @param {Where} where
 * @param {string} name
 * @param {unknown} value undefined: nothing any more
 * @returns {boolean} whether it is kept
 */
export function keepStored(where, name, value) {
    try {
        if (value === undefined) storageOf(where).removeItem(name);
        else storageOf(where).setItem(name, JSON.stringify(value));
        return true;
    } catch {
        return false;
    }
}
