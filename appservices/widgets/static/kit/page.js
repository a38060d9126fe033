/** What the server tells a page about the installation, and where the page runs. */

/**
 * @param {string} name of a meta element that the server wrote
 * @returns {string} empty if there is none
 */
export function meta(name) {
    return document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";
}

/**
 * Whether somebody else's page shows us. Asked of the window, never of the address: a client's
 * "pop out" opens the same address alone.
 */
export const isFramed = window.parent !== window;

/** @returns {string} the homeserver whose bots speak, as in the ids of its users */
export function serverName() {
    return meta("veche-server");
}

const LOCALPART = /^[a-z0-9._=\-/+]+$/;

/**
 * Whether an event counts: a key in a message proves nothing about who sent it, so only our own
 * bots are believed, whose ids the homeserver keeps for us.
 * @param {string} sender a Matrix user id
 */
export function isOurBot(sender) {
    const prefix = meta("veche-senders");
    const suffix = `:${serverName()}`;
    if (!prefix || !sender.startsWith(prefix) || !sender.endsWith(suffix)) return false;
    return LOCALPART.test(sender.slice(prefix.length, -suffix.length));
}

/** @returns {string} where the pages are, for the app, which has an origin of its own; else empty */
export const pagesOrigin = () => meta("veche-pages");

/** @returns {string} where the app is, for the pages; empty if there is none */
export const appOrigin = () => meta("veche-app");

/**
 * @param {string} path of ours
 * @returns {string} where the app takes one there, signed in by a link from one's chat
 */
export const throughApp = (path) => `${appOrigin()}/#/open/${encodeURIComponent(path)}`;

const FROM_APP = "veche.from_app";

/** @param {string} account Matrix id @returns {string} where the app writes to them */
export const chatInApp = (account) => `${appOrigin()}/#/chats/with/${encodeURIComponent(account)}`;

/** This tab was opened by the app. */
export function noteApp() {
    try {
        sessionStorage.setItem(FROM_APP, "1");
    } catch {
        // Storage is refused: then one goes back by hand.
    }
}

/** @returns {boolean} whether the app has opened this tab */
export function isFromApp() {
    try {
        return Boolean(appOrigin() && sessionStorage.getItem(FROM_APP));
    } catch {
        return false;
    }
}
