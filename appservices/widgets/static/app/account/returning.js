/**
 * Where the person wanted to go before they made an account or signed in, and what comes back from
 * another server. It lasts as long as the tab.
 *
 * @typedef {{back?: string, base?: string}} Kept back: a fragment; base: of the server asked
 */
const PLACE = "veche.returning";

/** @returns {Kept} */
function read() {
    try {
        return JSON.parse(sessionStorage.getItem(PLACE) ?? "{}");
    } catch {
        return {};
    }
}

/** @param {Kept} more */
export function keepReturn(more) {
    try {
        sessionStorage.setItem(PLACE, JSON.stringify({ ...read(), ...more }));
    } catch {
        // Storage is refused: then one arrives at Home.
    }
}

/** @returns {string} the fragment to go back to, once; or empty */
export function takeReturn() {
    const { back = "" } = read();
    keepReturn({ back: undefined });
    return back.startsWith("#/") ? back : "";
}

/**
 * What another server's sign-in has put into the address, which is cleaned.
 * @returns {{base: string, token: string} | undefined}
 */
export function takeLogin() {
    const token = new URLSearchParams(location.search).get("loginToken");
    if (!token) return undefined;
    history.replaceState(null, "", location.pathname + location.hash);
    const { base } = read();
    keepReturn({ base: undefined });
    return base ? { base, token } : undefined;
}
