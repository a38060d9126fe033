/**
 * Whose app this is, in this page: nobody's yet, or somebody's whose client is being opened or runs.
 *
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("../client/open.js").Opened} Opened
 * @typedef {object} Account
 * @property {"none" | "opening" | "elsewhere" | "ready" | "failed" | "lost"} phase elsewhere: another
 *   tab runs the client, and this one goes on once that is closed; lost: signed out from elsewhere
 * @property {Session} [session]
 * @property {Opened} [opened] once it is ready
 * @property {unknown} [error] why it failed
 */
import { forgetSession, keepSession, loadSession } from "./session.js";

/** @type {Account} */
let current = { phase: "none" };
/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {Account} */
export const account = () => current;

/**
 * @param {() => void} changed
 * @returns {() => void} stops it
 */
export function whenAccountChanges(changed) {
    listeners.add(changed);
    return () => listeners.delete(changed);
}

/** @param {Account} next */
function become(next) {
    current = next;
    for (const changed of [...listeners]) changed();
}

/** Opens the account that this browser keeps, if there is one. */
export async function openKept() {
    let session;
    try {
        session = await loadSession();
    } catch (error) {
        return become({ phase: "failed", error });
    }
    if (session) await openWith(session);
}

/**
 * @param {string} baseUrl
 * @param {{username: string, password: string, token?: string}} wanted
 */
export async function makeAccount(baseUrl, wanted) {
    const { signUp } = await import("./signing_up.js");
    await openWith(await signUp(baseUrl, wanted));
}

/** @param {string} baseUrl @param {Record<string, unknown>} how of /login */
export async function enterAccount(baseUrl, how) {
    const { signIn } = await import("./signing_up.js");
    await openWith(await signIn(baseUrl, how));
}

/** @param {Session} session */
async function openWith(session) {
    become({ phase: "opening", session });
    try {
        const { open } = await import("../client/open.js");
        const opened = await open(session, () => become({ phase: "elsewhere", session }));
        // The SDK says it when the homeserver refuses the token.
        /** @type {any} */ (opened.client).once("Session.logged_out", () => void loseSession());
        become({ phase: "ready", session: await withIdentity(session, opened), opened });
    } catch (error) {
        become({ phase: "failed", session, error });
    }
}

/**
 * The first app of an account that no device has protected yet makes its recovery key before anything
 * else: bots would take an identity that comes later for somebody else's.
 * @param {Session} session
 * @param {Opened} opened
 */
async function withIdentity(session, opened) {
    const { hasIdentity } = await import("../client/identity.js");
    if (session.fingerprint || session.unfinished || (await hasIdentity(opened))) return session;
    await keepSession({ ...session, ...(await loadSession()), unfinished: true });
    return { ...session, unfinished: true };
}

/** The recovery key is confirmed: the account is complete. */
export async function finish() {
    const { session } = current;
    const kept = await loadSession();
    if (!session || !kept) return;
    const { unfinished: _, ...rest } = kept;
    await keepSession(rest);
    become({ ...current, session: rest });
}

/** The homeserver does not know this device any more. */
export async function loseSession() {
    await forgetSession().catch(() => {});
    become({ phase: "lost" });
}

/** Signs this device out, and forgets its keys here. */
export async function signOut() {
    await current.opened?.client.logout(true).catch(() => {});
    await forgetSession();
    become({ phase: "none" });
}
