/**
 * Calls to our service. Errors are typed; what a broken network may have swallowed is asked again,
 * where asking twice does nothing twice: reading, and acts with an idempotency key.
 */
import { listeners } from "./listeners.js";
import { end, renewed, session } from "./session.js";

const ATTEMPTS_MAX = 4;
const PAUSE_MS = 300;
const PAUSE_MS_MAX = 5000;
const ANSWER_MS_MAX = 40_000; // longer than a long poll takes
const UPLOAD_MS_MAX = 600_000;
/** How long a service can have who follows it wait. */
const CALM_MS_MAX = 60_000;

/** The service refused. The message is for the person, in their language. */
export class ApiError extends Error {
    /**
     * @param {number} status of HTTP
     * @param {Record<string, any>} body
     */
    constructor(status, body) {
        super(typeof body.error === "string" ? body.error : `HTTP ${status}`);
        this.status = status;
        this.errcode = typeof body.errcode === "string" ? body.errcode : "M_UNKNOWN";
        /** @type {string | undefined} which field is wrong */
        this.field = body.field;
        /** @type {number | undefined} */
        this.retryAfterMs = body.retry_after_ms;
        this.body = body;
    }

    /** Whether nobody is signed in, or not any more. */
    get isSignInNeeded() {
        return this.status === 401;
    }

    /** Whether the session is of a lower level than the act needs. */
    get isLevelTooLow() {
        return this.errcode === "ORG.VECHE.LEVEL_TOO_LOW";
    }
}

/** The service was not reached, also not after some attempts. */
export class OfflineError extends Error {}

let isReached = true;
const { watch, tell } = listeners();

/** @returns {boolean} whether the service was reached when it was asked last */
export function isReachable() {
    return isReached;
}

/**
 * @param {() => void} changed called when the service is reached again, or not any more
 * @returns {() => void} stops it
 */
export const whenReachable = (changed) => watch(changed);

/** @param {boolean} isNow */
function setReached(isNow) {
    if (isReached === isNow) return;
    isReached = isNow;
    tell();
}

/** @returns {string} a new idempotency key: one an act, kept over all its attempts */
export function newKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))]
        .map((byte) => byte.toString(16).padStart(2, "0"))
        .join("");
}

/**
 * @typedef {object} Options
 * @property {unknown} [body] sent as JSON
 * @property {Uint8Array<ArrayBuffer>} [data] sent as it is, in place of a body
 * @property {Record<string, string | number | undefined>} [query]
 * @property {string} [key] idempotency key
 * @property {Record<string, string>} [headers] besides those of every request
 * @property {AbortSignal} [signal]
 * @property {boolean} [isLeaving] the page goes away: the browser sends it after that
 */

/**
 * Asks the service and gives its JSON answer.
 * @param {string} method of HTTP
 * @param {string} path from "/_veche/" on
 * @param {Options} [options]
 * @returns {Promise<any>}
 * @throws {ApiError} it refused
 * @throws {OfflineError} it was not reached
 */
export async function call(method, path, options = {}) {
    const response = await ask(method, path, options);
    const is_empty = response.status === 204;
    const answer = is_empty ? {} : await response.json().catch(() => undefined);
    options.signal?.throwIfAborted();
    // It broke off in the middle: what is half there is no answer.
    if (answer === undefined) throw new OfflineError("broken off");
    return answer;
}

/**
 * Asks the service for a file.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Blob>}
 */
export async function download(path, options = {}) {
    const response = await ask("GET", path, options);
    return response.blob().catch((error) => {
        options.signal?.throwIfAborted();
        throw new OfflineError("broken off", { cause: error });
    });
}

/**
 * Sends a file, once, and tells how much of it has gone, which `fetch` cannot.
 * @param {string} path
 * @param {Blob} file
 * @param {Options & {progressed?: (part: number) => void}} options
 * @returns {Promise<any>} the JSON answer
 * @throws {ApiError} it was refused
 * @throws {OfflineError} the service was not reached
 */
export function upload(path, file, options) {
    const { query, signal, progressed } = options;
    const token = session()?.token;
    return new Promise((resolve, reject) => {
        const sending = new XMLHttpRequest();
        sending.open("POST", address(path, query));
        sending.timeout = UPLOAD_MS_MAX;
        sending.responseType = "json";
        const headers = headersOf(token, { ...options, data: true });
        for (const [name, value] of Object.entries(headers)) sending.setRequestHeader(name, value);
        sending.upload.addEventListener("progress", ({ loaded, total }) =>
            progressed?.(loaded / total),
        );
        for (const end of ["error", "timeout"])
            sending.addEventListener(end, () => reject(new OfflineError("offline")));
        sending.addEventListener("abort", () => reject(signal?.reason));
        sending.addEventListener("load", () => {
            if (sending.status < 300) return resolve(sending.response);
            const error = new ApiError(sending.status, sending.response ?? {});
            hasEnded(error, token);
            reject(error);
        });
        signal?.addEventListener("abort", () => sending.abort());
        sending.send(file);
    });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 * @returns {Promise<Response>} a good one
 */
async function ask(method, path, options) {
    const may_repeat = method === "GET" || method === "PUT" || options.key !== undefined;
    for (let attempt = 1; ; attempt += 1) {
        const is_last = !may_repeat || attempt >= ATTEMPTS_MAX;
        let pause_ms = Math.min(PAUSE_MS * 2 ** (attempt - 1), PAUSE_MS_MAX);
        try {
            const token = session()?.token;
            const response = await fetch(
                address(path, options.query),
                request(method, token, options),
            );
            setReached(true);
            if (response.ok) return response;
            const error = new ApiError(response.status, await readJson(response));
            // Refused before anything was done: what needs no session is answered without one.
            if (hasEnded(error, token)) {
                await renewed();
                continue;
            }
            if (response.status !== 503 || is_last) throw error;
            pause_ms = Math.min(error.retryAfterMs ?? pause_ms, PAUSE_MS_MAX);
        } catch (error) {
            if (error instanceof ApiError || options.signal?.aborted) throw error;
            if (attempt > 1 || is_last) setReached(false);
            if (is_last) throw new OfflineError("offline", { cause: error });
        }
        await pause(pause_ms, options.signal);
    }
}

/**
 * @param {string} path
 * @param {Options["query"]} query
 */
function address(path, query) {
    const url = new URL(path, location.origin);
    if (url.origin !== location.origin) throw new Error("not a path of ours");
    for (const [name, value] of Object.entries(query ?? {}))
        if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
}

/**
 * @param {string} method
 * @param {string | undefined} token
 * @param {Options} options
 * @returns {RequestInit}
 */
function request(method, token, options) {
    const { body, data, signal, isLeaving } = options;
    const limit = AbortSignal.timeout(data ? UPLOAD_MS_MAX : ANSWER_MS_MAX);
    return {
        method,
        headers: headersOf(token, options),
        credentials: "omit",
        redirect: "error",
        cache: "no-store",
        ...(isLeaving && { keepalive: true }),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(data && { body: data }),
    };
}

/**
 * @param {string | undefined} token
 * @param {Omit<Options, "data"> & {data?: unknown}} options
 * @returns {Record<string, string>}
 */
function headersOf(token, { body, data, key, headers }) {
    return {
        Accept: "application/json",
        "Accept-Language": document.documentElement.lang || "en",
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(data !== undefined && { "Content-Type": "application/octet-stream" }),
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(key && { "Idempotency-Key": key }),
        ...headers,
    };
}

/**
 * @param {ApiError} error
 * @param {string | undefined} token with which it was asked
 * @returns {boolean} whether it says that the session is over, which is forgotten then
 */
function hasEnded(error, token) {
    // An answer that comes late is about the session of then, and ends no other.
    if (!error.isSignInNeeded || !token || session()?.token !== token) return false;
    end();
    return true;
}

/** @param {Response} response */
async function readJson(response) {
    try {
        return await response.json();
    } catch {
        return {}; // a proxy's error page
    }
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
    return new Promise((resolve, reject) => {
        const stopped = () => {
            clearTimeout(timer);
            reject(signal?.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener("abort", stopped);
            resolve();
        }, ms);
        signal?.addEventListener("abort", stopped, { once: true });
    });
}

/**
 * Follows a state by long poll: gives it at once, and anew whenever it changes. While the page is
 * hidden nothing is asked; when it shows again, it catches up.
 * @param {string} path answers with a `version`; `?after=` waits for a later one
 * @param {(state: any) => void} changed
 * @param {(error: Error) => void} failed called once at an error that waiting does not mend
 * @returns {() => void} stops it
 */
export function follow(path, changed, failed) {
    const stop = new AbortController();
    const { signal } = stop;
    void (async () => {
        /** @type {string | undefined} */
        let after;
        while (!signal.aborted) {
            try {
                await shown(signal);
                const state = await call("GET", path, { query: { after }, signal });
                if (state.version !== after) changed(state);
                else await pause(PAUSE_MS, signal); // a service that does not wait is not pressed
                after = state.version;
            } catch (error) {
                if (signal.aborted) return;
                if (!(error instanceof OfflineError || isTemporary(error))) {
                    failed(/** @type {Error} */ (error));
                    return;
                }
                await calm(error, signal);
            }
        }
    })();
    return () => stop.abort();
}

/** @param {unknown} error */
function isTemporary(error) {
    return error instanceof ApiError && (error.status === 429 || error.status >= 500);
}

/**
 * Waits before asking again: as long as the service says, or until the browser has a network again.
 * @param {unknown} error
 * @param {AbortSignal} signal
 */
async function calm(error, signal) {
    const wait_ms = (error instanceof ApiError && error.retryAfterMs) || 0;
    const over = new AbortController();
    const back = new Promise((resolve) => {
        window.addEventListener("online", resolve, { once: true, signal: over.signal });
    });
    const wait = pause(Math.min(Math.max(wait_ms, PAUSE_MS_MAX), CALM_MS_MAX), signal);
    await Promise.race([wait, back]).catch(() => {});
    over.abort();
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void>} settled once the page is visible
 */
function shown(signal) {
    if (document.visibilityState === "visible") return Promise.resolve();
    return new Promise((resolve, reject) => {
        const done = new AbortController();
        const look = () => {
            if (document.visibilityState !== "visible") return;
            done.abort();
            resolve();
        };
        const stopped = () => {
            done.abort();
            reject(signal.reason);
        };
        document.addEventListener("visibilitychange", look, { signal: done.signal });
        signal.addEventListener("abort", stopped, { signal: done.signal });
    });
}
