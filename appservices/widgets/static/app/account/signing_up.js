/**
 * Making an account, and signing in to one: the homeserver's own API, called by the browser.
 *
 * Source: Matrix specification 1.18, client-server API, "User-Interactive Authentication" and
 * "Account registration".
 *
 * @typedef {import("./session.js").Session} Session
 */
import { forgetSession, keepSession, loadSession, tryStorage } from "./session.js";

const DEVICE = "Veche";
const STORE_KEY_BYTES = 32;

/** The homeserver refused. */
export class AccountError extends Error {
    /**
     * @param {string} errcode of Matrix; empty: it was not reached
     * @param {string} said by the homeserver
     * @param {number} [retryAfterMs]
     */
    constructor(errcode, said, retryAfterMs) {
        super(said || errcode);
        this.errcode = errcode;
        this.retryAfterMs = retryAfterMs;
    }
}

/**
 * @param {string} url
 * @param {Record<string, unknown>} content
 * @returns {Promise<{status: number, body: any}>}
 */
async function post(url, content) {
    let response;
    try {
        response = await fetch(url, {
            method: "POST",
            body: JSON.stringify(content),
            credentials: "omit",
        });
    } catch (error) {
        throw new AccountError("", String(error));
    }
    return { status: response.status, body: await response.json().catch(() => ({})) };
}

/**
 * Makes an account. Of the steps that a homeserver may want (UIA) two are known: an invitation
 * token, and none.
 * @param {string} baseUrl
 * @param {{username: string, password: string, token?: string}} wanted
 * @returns {Promise<Session>} kept in this browser
 * @throws {AccountError | DOMException}
 */
export async function signUp(baseUrl, { username, password, token }) {
    await tryStorage();
    const known = /** @type {Record<string, object>} */ ({
        "m.login.dummy": {},
        ...(token && { "m.login.registration_token": { token } }),
    });
    const url = `${baseUrl}/_matrix/client/v3/register`;
    const wanted = { username, password, initial_device_display_name: DEVICE };
    let answer = await post(url, wanted);
    while (answer.status === 401 && answer.body.flows && !answer.body.errcode) {
        const { flows = [], session, completed = [] } = answer.body;
        const flow = flows.find((/** @type {any} */ { stages }) =>
            stages.every((/** @type {string} */ stage) => stage in known),
        );
        const type = flow?.stages.find((/** @type {string} */ one) => !completed.includes(one));
        if (!type) throw new AccountError("invitation_needed", "");
        answer = await post(url, { ...wanted, auth: { type, session, ...known[type] } });
    }
    return begun(baseUrl, answer, { unfinished: true });
}

/**
 * @param {string} baseUrl
 * @param {string} username
 * @returns {Promise<AccountError | undefined>} why nobody can have this name; undefined: it is free,
 *   or the homeserver did not say
 */
export async function nameTrouble(baseUrl, username) {
    const query = new URLSearchParams({ username });
    const url = `${baseUrl}/_matrix/client/v3/register/available?${query}`;
    const response = await fetch(url, { credentials: "omit" }).catch(() => undefined);
    if (response?.status !== 400) return undefined;
    const body = await response.json().catch(() => ({}));
    return new AccountError(body.errcode ?? "", body.error ?? "");
}

/**
 * @param {string} baseUrl
 * @param {Record<string, unknown>} how of /login, such as `{type: "m.login.token", token}`
 * @returns {Promise<Session>} kept in this browser
 * @throws {AccountError}
 */
export async function signIn(baseUrl, how) {
    const device_id = (await loadSession())?.deviceId; // it was signed out, and may come back
    const wanted = { ...how, device_id, initial_device_display_name: DEVICE };
    return begun(baseUrl, await post(`${baseUrl}/_matrix/client/v3/login`, wanted));
}

/**
 * @param {string} baseUrl
 * @param {{status: number, body: any}} answer
 * @param {Partial<Session>} [more]
 */
async function begun(baseUrl, { status, body }, more = {}) {
    if (status !== 200)
        throw new AccountError(body.errcode ?? "", body.error ?? "", body.retry_after_ms);
    const [userId, deviceId] = [body.user_id, body.device_id];
    const kept = await loadSession();
    const known = kept?.userId === userId && kept?.deviceId === deviceId ? kept : undefined;
    if (!known) await forgetSession();
    const storeKey = crypto.getRandomValues(new Uint8Array(STORE_KEY_BYTES));
    const made = { storeKey, ...known, baseUrl, userId, deviceId, ...more };
    const session = { ...made, accessToken: body.access_token };
    await keepSession(session);
    return session;
}
