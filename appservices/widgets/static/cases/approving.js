/**
 * The page on which the key of the device signs: always a tab of its own, opened in the press
 * itself. What comes of it arrives by the live state, so nothing waits for the tab.
 */

import { pagesOrigin } from "../kit/page.js";

/**
 * The page takes what is asked from the service: an address has no answers.
 * @param {Record<string, unknown>} asked `AskedApproval`
 * @returns {string}
 */
export function approveHref(asked) {
    const page = pagesOrigin() ? `${pagesOrigin()}/approve?app` : "/approve";
    return `${page}#${encodeURIComponent(String(asked.nonce))}`;
}

/**
 * @param {Record<string, unknown>} asked
 * @returns {boolean} whether the browser opened it
 */
export function openApproval(asked) {
    const opened = window.open(approveHref(asked), "veche-approve", "popup,width=480,height=680");
    opened?.focus();
    return opened !== null;
}

/** @type {Set<string>} what was opened from here, and has not come to an end */
const awaited = new Set();

/**
 * The same in a window that is closed once it has done its work, also when the question has left
 * the page by then: its answer may arrive by the live state first.
 * @param {Record<string, unknown>} asked
 * @returns {boolean} whether the browser opened it
 */
export function openAndClose(asked) {
    if (!awaited.size) window.addEventListener("message", closeDone);
    awaited.add(String(asked.nonce));
    return openApproval(asked);
}

/** @param {MessageEvent} event */
function closeDone({ origin, data, source }) {
    if (origin !== location.origin || data?.type !== "org.veche.approval") return;
    if (awaited.delete(String(data.nonce)) && source && "close" in source) source.close();
}

/**
 * Hears what came of an approval, which the approve page says to the window that opened it, while
 * an element stands in the page.
 */
export class ApprovalsHeard {
    /**
     * @param {import("lit").ReactiveControllerHost} host the element
     * @param {(nonce: string, source: MessageEventSource | null) => void} heard an approval came to an end
     */
    constructor(host, heard) {
        this._heard = heard;
        /** @type {AbortController | undefined} */
        this._stopped = undefined;
        host.addController(this);
    }

    hostConnected() {
        this._stopped = new AbortController();
        const { signal } = this._stopped;
        window.addEventListener("message", (event) => this._hear(event), { signal });
    }

    hostDisconnected() {
        this._stopped?.abort();
    }

    /** @param {MessageEvent} event */
    _hear({ origin, data, source }) {
        if (origin === location.origin && data?.type === "org.veche.approval")
            this._heard(String(data.nonce), source);
    }
}
