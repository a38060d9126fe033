/**
 * The time by our server's clock: that of this machine may be wrong by minutes or by years, and
 * what is shown about deadlines must not be. Before the first answer the machine's clock stands in.
 */

/** Small, public and always there; what counts is the Date of its answer. */
const ASKED = new URL("../kit/icon.svg", import.meta.url);
/** A server's Date has whole seconds: on average it is half a second behind. */
const ROUNDING_MS = 500;

let offsetMs = 0;
let askedAt = 0;

/** @returns {number} ms UTC; goes on evenly, whatever is done to the machine's clock meanwhile */
export function serverNow() {
    return askedAt ? performance.now() - askedAt + offsetMs : Date.now();
}

/** Asks the server for its time; without an answer nothing changes. */
export async function setClock() {
    try {
        const begun = performance.now();
        const response = await fetch(ASKED, {
            method: "HEAD",
            cache: "no-store",
            credentials: "omit",
        });
        const ended = performance.now();
        const theirs = Date.parse(response.headers.get("Date") ?? "");
        if (Number.isNaN(theirs)) return;
        askedAt = (begun + ended) / 2;
        offsetMs = theirs + ROUNDING_MS;
    } catch {
        // Offline: the next page asks again.
    }
}
