/** Matrix ids, as people type them. */

const USER_ID = /^@[!-9;-~]+:[A-Za-z0-9.:[\]-]{1,230}$/;
const LOCALPART = /^[a-z0-9._=\-/+]+$/i;
const CHARACTERS_MAX = 255;

/**
 * The Matrix id that somebody means: with or without "@", as a link of matrix.to, or the name alone
 * where it is of the homeserver of this place.
 * @param {string} typed
 * @param {string} ownServer
 * @returns {string} empty if it is none
 */
export function personOf(typed, ownServer) {
    let text = typed.trim();
    const link = /^(?:https:\/\/)?matrix\.to\/#\/([^?/]+)/.exec(text);
    if (link?.[1]) text = decoded(link[1]);
    const uri = /^matrix:u\/([^?/]+)/.exec(text);
    if (uri?.[1]) text = `@${decoded(uri[1])}`;
    const bare = text.startsWith("@") ? text.slice(1) : text;
    if (!bare.includes(":") && LOCALPART.test(bare) && ownServer)
        return `@${bare.toLowerCase()}:${ownServer}`;
    const id = `@${bare}`;
    return id.length <= CHARACTERS_MAX && USER_ID.test(id) ? id : "";
}

/** @param {string} person Matrix id @returns {string} its server, as it names itself */
export function serverOf(person) {
    return person.slice(person.indexOf(":") + 1);
}

/** @param {string} text */
function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}
