/**
 * Asking the service what is asked, and handing in what was signed.
 *
 * @typedef {import("./asked.js").Asked} Asked
 * @typedef {import("./keys.js").Signer} Signer
 * @typedef {"open" | "approved" | "declined" | "expired" | "closed"} State
 *
 * @typedef {object} Answer of the service about a nonce
 * @property {State} state
 * @property {Asked | null} asked
 * @property {number | null} expires_at_ms
 * @property {number} now_ms
 * @property {import("./keys.js").ListedKey[]} keys
 * @property {number} new_key_waits_ms
 */
import { ApiError, OfflineError, call } from "../kit/api.js";
import { canonicalBytes } from "../kit/canonical.js";
import { currentLanguage } from "../kit/i18n.js";

const API = "/_veche/approvals/v1";
export const OVER = "ORG.VECHE.APPROVAL_OVER";
const CLOCK = "ORG.VECHE.APPROVAL_CLOCK";

/** The service's time: what is signed carries it, whatever the device believes. */
export const clock = {
    /** The service's time minus that of this device. */
    ahead_ms: 0,
    now: () => Date.now() + clock.ahead_ms,
    /** @param {number} now_ms */
    set: (now_ms) => {
        clock.ahead_ms = now_ms - Date.now();
    },
};

/** @param {string} nonce @returns {Promise<Answer>} */
export async function look(nonce) {
    const answer = await call("GET", `${API}/${nonce}`, { query: { lang: currentLanguage() } });
    clock.set(answer.now_ms);
    return answer;
}

/**
 * @param {Signer} signer
 * @param {Record<string, unknown>} act what is signed, but for the time
 * @returns {Promise<{signed: Record<string, unknown>, bytes: Uint8Array<ArrayBuffer>}>}
 *   `SignedApproval`, and the bytes that the key signed
 */
export async function signedBy(signer, act) {
    const approval = { ...act, at_ms: clock.now() };
    const bytes = canonicalBytes(approval);
    const { key, proof } = await signer.sign(bytes);
    return { signed: { v: 1, approval, key, ...proof }, bytes };
}

/**
 * Signs and hands in. A key signs once more if the service finds the time wrong: the device may
 * have slept since it was asked.
 * @param {Signer} signer
 * @param {Record<string, unknown>} act what is signed, but for the time
 */
export async function sign(signer, act) {
    for (let isFirst = true; ; isFirst = false) {
        const { signed } = await signedBy(signer, act);
        try {
            await hand(signed, act);
            return;
        } catch (error) {
            const isLate = error instanceof ApiError && error.errcode === CLOCK;
            if (!isLate || !isFirst) throw error;
            clock.set((await call("GET", `${API}/time`)).now_ms);
        }
    }
}

/** @param {Record<string, unknown>} signed @param {Record<string, unknown>} act */
async function hand(signed, { nonce, kind }) {
    try {
        await call("POST", API, { body: signed, query: { lang: currentLanguage() } });
    } catch (error) {
        // The answer may have been lost on its way back, not the approval on its way there.
        const isUnsure =
            error instanceof OfflineError || (error instanceof ApiError && error.errcode === OVER);
        if (!isUnsure) throw error;
        const { state } = await look(String(nonce));
        if (state !== (kind === "decline" ? "declined" : "approved")) throw error;
    }
}

/** Says no by the session. @param {string} nonce */
export async function declineSignedIn(nonce) {
    await call("POST", `${API}/${nonce}/decline`, { body: {}, query: { lang: currentLanguage() } });
}

/**
 * Tells the page of ours that opened this one. Anybody else may have opened it too, and learns
 * nothing.
 * @param {string} nonce
 * @param {"approved" | "declined"} outcome
 */
export function report(nonce, outcome) {
    const opener = /** @type {Window | null} */ (window.opener);
    try {
        if (opener?.location.origin !== location.origin) return; // throws for another origin
        opener.postMessage({ type: "org.veche.approval", nonce, outcome }, location.origin);
    } catch {
        // Not ours.
    }
}
