/**
 * Where the person wanted to go before they made an account or signed in, and what comes back from
 * another server. It lasts as long as the tab.
 *
 * @typedef {{back?: string, base?: string}} Kept back: a fragment; base: of the server asked
 */
import { keepStored, stored } from "../../kit/stored.js";

const PLACE = "veche.returning";

/** @returns {Kept} */
const read = () => stored("session", PLACE) ?? {};

/** If it is not kept, one arrives at Home. @param {Kept} more */
export const keepReturn = (more) => keepStored("session", PLACE, { ...read(), ...more });

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
