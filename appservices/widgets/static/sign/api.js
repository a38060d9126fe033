/**
 * What the page asks of the service.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Revision} Revision
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */
import { ApiError, OfflineError, call, download, newKey } from "../kit/api.js";
import { fromBase64 } from "../kit/approval.js";
import { currentLanguage } from "../kit/i18n.js";
import { StampError } from "../signatures/stamps.js";
import { SilentStamperError } from "./silent_stamper.js";

const API = "/_veche/signing/v1";
const STAMP_ATTEMPTS_MAX = 4;
/** The service has waited for them already. */
const OTHER_STAMP_ATTEMPTS_MAX = 2;
const STAMP_PAUSE_MS = 400;
const STAMP_MS_MAX = 20_000;
/** The service may wait so long for an authority elsewhere, and for the lists about it. */
const OTHER_STAMP_MS_MAX = 90_000;
/** Longer than that a service that is asked too often is not waited for. */
const WAIT_MS_MAX = 15_000;
const WAITS_MAX = 20;

/** One session, asked by the party whose link it is. */
export class Session {
    /** @param {Pick<import("./link.js").Link, "session" | "party" | "token">} link */
    constructor({ session, party, token }) {
        this.path = `${API}/sessions/${session}`;
        /** @type {Record<string, string>} */
        this.headers = { "Veche-Party": `${party} ${token}` };
    }

    /** @returns {Promise<View>} */
    view() {
        const query = { lang: currentLanguage() };
        return call("GET", this.path, { headers: this.headers, query });
    }

    /** @param {string} blob SHA-256 of the ciphertext, hexadecimal @returns {Promise<Bytes>} */
    async blob(blob) {
        const file = await download(`${this.path}/blobs/${blob}`, { headers: this.headers });
        return new Uint8Array(await file.arrayBuffer());
    }

    /**
     * One act, which has one effect however often it has to be asked.
     * @param {string} path
     * @param {Record<string, unknown>} body
     * @returns {Promise<any>}
     */
    #act(path, body) {
        const query = { lang: currentLanguage() };
        return call("POST", path, { body, key: newKey(), headers: this.headers, query });
    }

    /** The document is before their eyes. */
    viewed() {
        return this.#act(`${this.path}/view`, {});
    }

    /** @param {Record<string, unknown>} body `AskBody` */
    ask(body) {
        return this.#act(`${this.path}/ask`, body);
    }

    /** @param {Record<string, unknown>} body `CertificateBody` */
    certificate(body) {
        return this.#act(`${API}/certificates`, body);
    }

    /** @param {Record<string, unknown>} body `SignatureBody` @returns {Promise<View>} */
    sign(body) {
        return this.#act(`${this.path}/signatures`, body);
    }

    /** @param {Record<string, unknown>} body `OwnApprovalBody` @returns {Promise<View>} */
    approveOwn(body) {
        return this.#act(`${this.path}/own-certificate/approval`, body);
    }

    /** @param {Record<string, unknown>} body `AnnounceBody` @returns {Promise<View>} */
    announceOwn(body) {
        return this.#act(`${this.path}/own-certificate`, body);
    }

    /**
     * What is asked of a provider of remote signatures, through the service.
     * @param {"credentials" | "begin" | "order" | "signature" | "check"} what
     * @param {Record<string, unknown>} body
     * @returns {Promise<any>}
     */
    provider(what, body) {
        return this.#act(`${this.path}/provider/${what}`, body);
    }

    /** @param {Record<string, unknown>} body `ClosingBody` @returns {Promise<View>} */
    closing(body) {
        return this.#act(`${this.path}/closing`, body);
    }

    /** Something in it does not hold. @param {Record<string, unknown>} body `DoubtBody` */
    doubt(body) {
        return this.#act(`${this.path}/doubt`, body);
    }

    /** @param {Record<string, unknown>} body `AskDelegationBody` */
    askDelegation(body) {
        return this.#act(`${this.path}/delegate/ask`, body);
    }

    /** @param {Record<string, unknown>} body `DelegateBody` @returns {Promise<View>} */
    delegate(body) {
        return this.#act(`${this.path}/delegate`, body);
    }

    /** @param {Record<string, unknown>} body `DeclineBody` @returns {Promise<View>} */
    decline(body) {
        return this.#act(`${this.path}/decline`, body);
    }
}

/** The same, asked by who asks for the signatures, is signed in, and takes no part. */
export class OwnedSession extends Session {
    /** @param {string} session */
    constructor(session) {
        super({ session, party: "", token: "" });
        this.path = ownedPath(session);
        this.headers = {};
    }
}

/** @param {string} session */
function ownedPath(session) {
    return `${API}/owned/${session}`;
}

/**
 * What who asks for the signatures does with a document.
 * @param {string} session
 * @param {"cancel" | "extend" | "remind"} act
 * @param {Record<string, unknown>} [body] `ExtendBody`
 * @returns {Promise<any>} of reminding a `RemindedView`
 */
export function actOwned(session, act, body = {}) {
    const query = { lang: currentLanguage() };
    return call("POST", `${ownedPath(session)}/${act}`, { body, key: newKey(), query });
}

/**
 * As whom the person who is signed in takes part in a session.
 * @param {string} session
 * @returns {Promise<{party: string, token: string}>}
 */
export function partyOf(session) {
    const query = { lang: currentLanguage() };
    return call("POST", `${API}/sessions/${session}/link`, { body: {}, key: newKey(), query });
}

/**
 * Has a document that is over deleted, by who asked for the signatures.
 * @param {string} session
 * @returns {Promise<{deletes_at_ms?: number | null}>} from when it is; none: it is
 */
export function deleteSession(session) {
    const query = { lang: currentLanguage() };
    return call("POST", `${API}/sessions/${session}/delete`, { body: {}, key: newKey(), query });
}

/**
 * @typedef {object} BlindState a session that is made here, and that the service can't read
 * @property {string} session
 * @property {string} state
 * @property {string} code
 * @property {string} party of who asks
 * @property {string} token of theirs
 * @property {boolean} document_is_here
 */

/**
 * @param {Record<string, unknown>} body `BlindBody`
 * @param {string} key of the act, one over all attempts
 * @returns {Promise<BlindState>}
 */
export function beginBlind(body, key) {
    return call("POST", `${API}/blind`, { body, key, query: { lang: currentLanguage() } });
}

/** @param {string} session @param {Bytes} cipher @returns {Promise<BlindState>} */
export function putBlind(session, cipher) {
    const query = { lang: currentLanguage() };
    return call("PUT", `${API}/blind/${session}/document`, { data: cipher, query });
}

/** @param {string} session @param {"send" | "cancel"} act @returns {Promise<BlindState>} */
export function actBlind(session, act) {
    const query = { lang: currentLanguage() };
    return call("POST", `${API}/blind/${session}/${act}`, { body: {}, key: newKey(), query });
}

/**
 * @param {string} header of the link
 * @returns {Promise<Bytes>} ciphertext of a `WaitingList`
 */
export async function waitingList(header) {
    const query = { lang: currentLanguage() };
    const { sealed } = await call("GET", `${API}/waiting`, {
        headers: { "Veche-List": header },
        query,
    });
    return fromBase64(sealed);
}

/**
 * What the device's key has to sign, once, to sign many documents.
 * @param {Record<string, unknown>} body `AskListBody`
 */
export function askAll(body) {
    const query = { lang: currentLanguage() };
    return call("POST", `${API}/asks`, { body, key: newKey(), query });
}

/**
 * Asks again where it was too often: many documents are many requests.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function patiently(work) {
    for (let attempt = 1; ; attempt += 1) {
        try {
            return await work();
        } catch (error) {
            const isTooOften = error instanceof ApiError && error.status === 429;
            const wait_ms = isTooOften ? (error.retryAfterMs ?? STAMP_PAUSE_MS) : Infinity;
            if (wait_ms > WAIT_MS_MAX || attempt === WAITS_MAX) throw error;
            await new Promise((resolve) => setTimeout(resolve, wait_ms + STAMP_PAUSE_MS));
        }
    }
}

/**
 * Asks the authority for a time stamp (RFC 3161); it learns a digest, and nothing of the document.
 * @param {Bytes} request
 * @param {number} [attempts]
 * @param {number} [timeout_ms]
 * @returns {Promise<Bytes>}
 */
export async function postStamp(request, attempts = STAMP_ATTEMPTS_MAX, timeout_ms = STAMP_MS_MAX) {
    for (let attempt = 1; ; attempt += 1) {
        const answer = await fetch(`${API}/tsa`, {
            method: "POST",
            headers: { "Content-Type": "application/timestamp-query" },
            body: request,
            credentials: "omit",
            redirect: "error",
            cache: "no-store",
            signal: AbortSignal.timeout(timeout_ms),
        }).catch(() => undefined);
        if (answer?.ok) return new Uint8Array(await answer.arrayBuffer());
        if (answer && answer.status !== 429 && answer.status < 500)
            throw new StampError(`HTTP ${answer.status}`);
        if (attempt === attempts)
            throw answer ? new StampError("busy") : new OfflineError("offline");
        await new Promise((resolve) => setTimeout(resolve, STAMP_PAUSE_MS * attempt));
    }
}

/**
 * The same of an authority elsewhere, through the service.
 * @param {Bytes} request
 * @returns {Promise<Bytes>}
 * @throws {SilentStamperError} it gives none that would be believed
 */
export async function postOtherStamp(request) {
    try {
        return await postStamp(request, OTHER_STAMP_ATTEMPTS_MAX, OTHER_STAMP_MS_MAX);
    } catch (error) {
        if (error instanceof StampError) throw new SilentStamperError("no stamp", { cause: error });
        throw error;
    }
}

/**
 * Not by `call`, which would ask again and again.
 * @returns {Promise<import("./types.d.ts").Stampers>} who stamps now, and what proves them
 * @throws {SilentStamperError} the authority elsewhere does not answer as it should
 */
export async function getStampers() {
    const answer = await fetch(`${API}/tsa/proofs`, {
        credentials: "omit",
        redirect: "error",
        cache: "no-store",
        signal: AbortSignal.timeout(OTHER_STAMP_MS_MAX),
    }).catch(() => undefined);
    if (!answer) throw new OfflineError("offline");
    if (answer.ok) return answer.json();
    if (answer.status === 503) throw new SilentStamperError("no proofs");
    throw new ApiError(answer.status, await answer.json().catch(() => ({})));
}
