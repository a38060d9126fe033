/**
 * Signing in at the person's own homeserver, from the browser, with nothing of ours between: the
 * password and the access token go there and nowhere else. We get one OpenID object, which proves
 * who the person is and opens nothing; the session at the homeserver ends before we use it.
 *
 * Source: Matrix spec v1.18, client-server API, "Server Discovery", "Login", "OpenID".
 *
 * @typedef {object} Homeserver
 * @property {string} base where its client API is, without a slash at the end
 * @property {boolean} hasPassword
 * @property {boolean} hasSso
 * @property {{id: string, name: string}[]} providers of single sign-on, where it names them
 *
 * @typedef {object} SignedIn at the homeserver
 * @property {string} base
 * @property {string} user_id
 * @property {string} access_token
 *
 * @typedef {"unknown" | "down" | "slow" | "limited" | "forbidden" | "deactivated" | "refused"} Trouble
 */

/** How long one answer of a homeserver may take. */
export const ANSWER_MS_MAX = 20_000;
const PROVIDERS_MAX = 12;
const NAME_CHARACTERS_MAX = 60;
const DEVICE_NAME = "Veche (signing in, ends at once)";
const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/** The homeserver did not do it. */
export class HomeserverError extends Error {
    /**
     * @param {Trouble} trouble
     * @param {{retryAfterMs?: number, said?: string, cause?: unknown}} [more] said: its own words
     */
    constructor(trouble, { retryAfterMs, said = "", cause } = {}) {
        super(trouble, { cause });
        this.trouble = trouble;
        this.retryAfterMs = retryAfterMs;
        this.said = said;
    }
}

/**
 * Where a homeserver is, and how one signs in there.
 * @param {string} server a server name ("example.org"), or the address of a homeserver
 * @returns {Promise<Homeserver>}
 * @throws {HomeserverError} unknown, down, slow, limited, refused
 */
export async function findHomeserver(server) {
    return waysAt(await findBase(server));
}

/**
 * How one signs in at a homeserver. One that knows OAuth alone (MSC3861 without a compatibility
 * layer) has no `/login`: then there is no way for us.
 * @param {string} base
 * @returns {Promise<Homeserver>}
 * @throws {HomeserverError} down, slow, limited
 */
export async function waysAt(base) {
    const { flows } = await ask(base, "GET", "/_matrix/client/v3/login").catch((error) => {
        if (error.trouble !== "refused") throw error;
        return { flows: [] };
    });
    const known = Array.isArray(flows) ? flows : [];
    const sso = known.find((flow) => flow?.type === "m.login.sso");
    /** @type {any[]} */
    const providers = Array.isArray(sso?.identity_providers) ? sso.identity_providers : [];
    return {
        base,
        hasPassword: known.some((flow) => flow?.type === "m.login.password"),
        hasSso: sso !== undefined,
        providers: providers
            .filter((one) => typeof one?.id === "string" && typeof one.name === "string")
            .slice(0, PROVIDERS_MAX)
            .map(({ id, name }) => ({ id, name: name.slice(0, NAME_CHARACTERS_MAX) })),
    };
}

/**
 * The address at which a homeserver's single sign-on begins; it comes back to `back` with a
 * `loginToken` in its query.
 * @param {string} base
 * @param {string} back an address of ours
 * @param {string} [provider] id
 */
export function ssoAddress(base, back, provider) {
    const path = provider ? `/${encodeURIComponent(provider)}` : "";
    return `${base}/_matrix/client/v3/login/sso/redirect${path}?redirectUrl=${encodeURIComponent(back)}`;
}

/**
 * @param {string} base
 * @param {string} person Matrix id
 * @param {string} password
 * @returns {Promise<SignedIn>}
 */
export function signInByPassword(base, person, password) {
    const identifier = { type: "m.id.user", user: person };
    return login(base, { type: "m.login.password", identifier, password });
}

/**
 * @param {string} base
 * @param {string} token of single sign-on; good once
 * @returns {Promise<SignedIn>}
 */
export function signInByToken(base, token) {
    return login(base, { type: "m.login.token", token });
}

/**
 * The homeserver's word on who the person is. Whatever comes of it, the session there ends.
 * @param {SignedIn} signedIn
 * @returns {Promise<{openid: Record<string, unknown>, isSignedOut: boolean}>}
 *     isSignedOut: false if the homeserver may still list the session
 */
export async function identify({ base, user_id, access_token }) {
    const path = `/_matrix/client/v3/user/${encodeURIComponent(user_id)}/openid/request_token`;
    let isSignedOut = false;
    try {
        const openid = await ask(base, "POST", path, { body: {}, access_token });
        isSignedOut = await signOut(base, access_token);
        return { openid, isSignedOut };
    } catch (error) {
        await signOut(base, access_token);
        throw error;
    }
}

/** @param {string} base @param {string} access_token @returns {Promise<boolean>} */
export async function signOut(base, access_token) {
    try {
        await ask(base, "POST", "/_matrix/client/v3/logout", { body: {}, access_token });
        return true;
    } catch {
        return false;
    }
}

/** @param {string} base @param {Record<string, unknown>} body @returns {Promise<SignedIn>} */
async function login(base, body) {
    const answer = await ask(base, "POST", "/_matrix/client/v3/login", {
        body: { ...body, initial_device_display_name: DEVICE_NAME },
    });
    if (typeof answer.user_id !== "string" || typeof answer.access_token !== "string")
        throw new HomeserverError("refused");
    return { base, user_id: answer.user_id, access_token: answer.access_token };
}

/** @param {string} server @returns {Promise<string>} */
async function findBase(server) {
    const typed = /^https?:\/\//i.test(server) ? baseOf(server) : "";
    if (/^https?:\/\//i.test(server) && !typed) throw new HomeserverError("unknown");
    const home = typed || `${LOCAL.test(server) ? "http" : "https"}://${server}`;
    if (!URL.canParse(home)) throw new HomeserverError("unknown");
    const told = await wellKnown(home);
    const base = told || home;
    try {
        const { versions } = await ask(base, "GET", "/_matrix/client/versions");
        if (Array.isArray(versions)) return base;
    } catch (error) {
        const trouble = error instanceof HomeserverError ? error.trouble : "down";
        const isOdd = trouble === "unknown" || trouble === "refused";
        if (trouble === "slow" || trouble === "limited" || told)
            throw new HomeserverError(isOdd ? "down" : trouble, { cause: error });
    }
    throw new HomeserverError("unknown");
}

/** @param {string} home @returns {Promise<string>} empty if it says nothing of use */
async function wellKnown(home) {
    try {
        const told = await ask(home, "GET", "/.well-known/matrix/client");
        return baseOf(told["m.homeserver"]?.base_url);
    } catch (error) {
        if (error instanceof HomeserverError && error.trouble === "slow") throw error;
        return ""; // none, or one that browsers may not read: then the name itself is tried
    }
}

/** @param {unknown} address @returns {string} empty if nobody should send a password there */
function baseOf(address) {
    if (typeof address !== "string" || !URL.canParse(address)) return "";
    const url = new URL(address);
    if (url.username || url.password || url.search || url.hash) return "";
    if (url.protocol !== "https:" && !(url.protocol === "http:" && LOCAL.test(url.host))) return "";
    return (url.origin + url.pathname).replace(/\/+$/, "");
}

/**
 * @param {string} base
 * @param {"GET" | "POST"} method
 * @param {string} path
 * @param {{body?: unknown, access_token?: string}} [options]
 * @returns {Promise<Record<string, any>>}
 */
async function ask(base, method, path, { body, access_token } = {}) {
    /** @type {Response} */
    let response;
    /** @type {Record<string, any>} */
    let answer;
    try {
        response = await fetch(base + path, {
            method,
            headers: {
                ...(body !== undefined && { "Content-Type": "application/json" }),
                ...(access_token && { Authorization: `Bearer ${access_token}` }),
            },
            credentials: "omit",
            cache: "no-store",
            referrerPolicy: "no-referrer",
            signal: AbortSignal.timeout(ANSWER_MS_MAX),
            ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        answer = await readJson(response);
    } catch (error) {
        const isSlow = error instanceof DOMException && error.name === "TimeoutError";
        throw new HomeserverError(isSlow ? "slow" : "down", { cause: error });
    }
    if (response.ok) return answer;
    throw refusal(response.status, answer);
}

/** @param {Response} response @returns {Promise<Record<string, any>>} */
async function readJson(response) {
    const text = await response.text();
    try {
        const answer = JSON.parse(text);
        return typeof answer === "object" && answer !== null ? answer : {};
    } catch {
        return {};
    }
}

/** @param {number} status @param {Record<string, any>} answer */
function refusal(status, answer) {
    const said = typeof answer.error === "string" ? answer.error.slice(0, 200) : "";
    const retryAfterMs = Number(answer.retry_after_ms) || undefined;
    if (status === 429) return new HomeserverError("limited", { retryAfterMs });
    if (answer.errcode === "M_USER_DEACTIVATED") return new HomeserverError("deactivated");
    if (answer.errcode === "M_FORBIDDEN") return new HomeserverError("forbidden", { said });
    const isUnknownPath = answer.errcode === "M_UNRECOGNIZED";
    if (status >= 500 || (status === 404 && !isUnknownPath))
        return new HomeserverError("down", { said });
    return new HomeserverError("refused", { said });
}
