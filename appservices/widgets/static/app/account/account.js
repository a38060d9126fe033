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
import { listeners } from "../../kit/listeners.js";
import { forgetTyped } from "../client/kept.js";
import { forgetSession, keepSession, loadSession } from "./session.js";

/** @type {Account} */
let current = { phase: "none" };
const { watch: whenAccountChanges, tell } = listeners();
export { whenAccountChanges };

/** @returns {Account} */
export const account = () => current;

/** @param {(opened: Opened) => void} use called once, as soon as the client runs */
export function whenOpened(use) {
    const look = () => {
        if (!current.opened) return;
        stop();
        use(current.opened);
    };
    const stop = whenAccountChanges(look);
    look();
}

/** @param {Account} next */
function become(next) {
    current = next;
    tell();
}

/**
 * Opens the account that this browser keeps, if there is one: another tab may have made it.
 * @returns {Promise<boolean>} whether one can be made or entered here
 */
export async function openKept() {
    try {
        const session = await loadSession();
        if (session?.accessToken) await openWith(session);
        else if (session) become({ phase: "lost" });
        return !session?.accessToken;
    } catch (error) {
        become({ phase: "failed", error });
        return false;
    }
}

/** @param {string} baseUrl @param {{username: string, password: string, token?: string}} wanted */
export async function makeAccount(baseUrl, wanted) {
    if (!(await openKept())) return;
    const { signUp } = await import("./signing_up.js");
    await openWith(await signUp(baseUrl, wanted));
}

/** @param {string} baseUrl @param {Record<string, unknown>} how of /login */
export async function enterAccount(baseUrl, how) {
    if (!(await openKept())) return;
    const { signIn } = await import("./signing_up.js");
    await openWith(await signIn(baseUrl, how));
}

/** @param {Session} session */
async function openWith(session) {
    if (isSpent) return location.reload(); // this page has the keys of before
    become({ phase: "opening", session });
    try {
        const { open } = await import("../client/open.js");
        const waits = () => become({ phase: "elsewhere", session });
        const opened = await open(session, waits, (error) => void lose(error?.data.soft_logout));
        if (opened) become({ phase: "ready", session, opened });
    } catch (error) {
        if (!isSpent) become({ phase: "failed", session, error });
    }
}

/**
 * The recovery key is confirmed, so the account is complete; or it has none and gets one now.
 * @param {boolean} [unfinished]
 */
export async function finish(unfinished = false) {
    const { session } = current;
    const kept = await loadSession();
    if (!session || !kept) return;
    const next = { ...kept, unfinished };
    await keepSession(next);
    become({ ...current, session: next });
}

let isSpent = false;

/** The homeserver does not take this device any more. @param {boolean} [isSoft] it may come back */
async function lose(isSoft) {
    const { session } = current;
    isSpent = true;
    const work = isSoft && session ? keepSession({ ...session, accessToken: "" }) : forgetSession();
    await work.catch(() => {});
    become({ phase: "lost" });
}

/** Signs this device out, and forgets its keys here, and what was typed. */
export async function signOut() {
    const { opened } = current;
    const { turnPushOff } = await import("./push.js");
    if (opened) await turnPushOff(opened).catch(() => {});
    await opened?.client.logout(true).catch(() => {});
    await forgetSession();
    forgetTyped();
    become({ phase: "none" });
}
