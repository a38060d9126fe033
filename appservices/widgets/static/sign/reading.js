/**
 * What of a document was on the screen, kept in this tab: whoever leaves the page to make a key goes
 * on reading where they were. Signing out forgets it, as all that our pages keep in a tab.
 */
const PLACE = "veche.read.";

/** @param {string} sha256 of the document @returns {string[]} its pages or parts that were seen */
export function seenSoFar(sha256) {
    try {
        const kept = JSON.parse(sessionStorage.getItem(PLACE + sha256) ?? "[]");
        return Array.isArray(kept) ? kept.map(String) : [];
    } catch {
        return []; // storage is refused: one reads anew
    }
}

/** @param {string} sha256 of the document @param {string[]} parts that were seen */
export function keepSeen(sha256, parts) {
    try {
        sessionStorage.setItem(PLACE + sha256, JSON.stringify(parts));
    } catch {
        // The same.
    }
}
