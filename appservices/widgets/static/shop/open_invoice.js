/**
 * Has an invoice paid from a shop's own page, in the words of Telegram's mini-apps. It needs no other
 * file: load it from the institution, or copy it.
 *
 * The person pays on the institution's page, in a tab of its own that knows nothing of this one, and
 * neither has a way to the other. What became of the invoice this page asks the institution for, as
 * anybody who has the link may. It is there to be shown: a script in a browser says what whoever sits
 * there wants. Deliver by what your server hears of the institution.
 *
 * @typedef {"paid" | "cancelled" | "failed" | "pending"} InvoiceStatus `cancelled` is never said:
 *     who does not want to pay tells nobody
 * @typedef {{url: string, status: InvoiceStatus}} InvoiceClosed
 */

/** How long a page follows an invoice whose payer does not come back. */
const FOLLOW_MS_MAX = 30 * 60_000;
/** How long it goes on once they are back: what they have just approved is being paid. */
const BACK_MS = 5_000;
const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
const EVENT = "invoiceClosed";
const LINK = /^#([0-7][0-9A-HJKMNP-TV-Z]{25}\.[1-9][0-9]{0,5}\.[0-9a-f]{16})$/;
const STATUSES = new Set(["paid", "failed"]);

/** @type {Set<(event: InvoiceClosed) => void>} */
const handlers = new Set();

/**
 * Opens the page on which an invoice is paid. Call it while somebody presses something.
 *
 * @param {string} url the invoice's `pay_url`
 * @param {(status: InvoiceStatus) => void} [callback] called once: `paid`; `failed`, it cannot be
 *     paid by this link any more; `pending`, it was not paid when the person came back, and may be later
 * @throws {TypeError} it is no link to an invoice
 * @throws {Error} nobody pressed anything, so that browsers open no tab
 */
export function openInvoice(url, callback) {
    const address = statusAddress(url);
    if (navigator.userActivation?.isActive === false)
        throw new Error("Call openInvoice while somebody presses a button: else no tab is opened");
    const visitor = new Visitor();
    // It gets no handle of this page, and this one none of it.
    window.open(url, "_blank", "noopener,noreferrer");
    void result(address, visitor).then((status) => {
        if (callback) call(() => callback(status));
        for (const handler of handlers) call(() => handler({ url, status }));
    });
}

/**
 * Hears of every invoice that this page had paid.
 * @param {"invoiceClosed"} name
 * @param {(event: InvoiceClosed) => void} handler
 */
export function onEvent(name, handler) {
    if (name !== EVENT) throw new TypeError(`There is one event: ${EVENT}`);
    handlers.add(handler);
}

/**
 * Hears no more.
 * @param {"invoiceClosed"} name
 * @param {(event: InvoiceClosed) => void} handler
 */
export function offEvent(name, handler) {
    if (name === EVENT) handlers.delete(handler);
}

/** @param {string} url @returns {string} where the status of the invoice is asked for */
function statusAddress(url) {
    const { protocol, hostname, origin, pathname, search, hash } = new URL(url);
    const link = LINK.exec(hash)?.[1];
    const isSafe = protocol === "https:" || (protocol === "http:" && hostname === "localhost");
    if (!link || !isSafe || pathname !== "/pay" || search)
        throw new TypeError("This is no link to an invoice: take the pay_url of one");
    return `${origin}/_veche/wallet/v1/invoices/${link}/status`;
}

/** Whoever sits before this page: whether they went away, and since when they are back. */
class Visitor {
    /** @type {number | undefined} */
    #backAt;
    #hasLeft = false;
    #ended = new AbortController();
    /** @type {(() => void) | undefined} */
    #wake;

    constructor() {
        const { signal } = this.#ended;
        document.addEventListener(
            "visibilitychange",
            () => (document.visibilityState === "hidden" ? this.#leave() : this.#return()),
            { signal },
        );
        window.addEventListener("blur", () => this.#leave(), { signal });
        window.addEventListener("focus", () => this.#return(), { signal });
    }

    #leave() {
        this.#hasLeft = true;
        this.#backAt = undefined;
    }

    #return() {
        if (!this.#hasLeft || this.#backAt !== undefined) return;
        this.#backAt = Date.now();
        this.#wake?.();
    }

    get isBack() {
        return this.#backAt !== undefined;
    }

    /** @param {number} now whether they have been back for so long that nothing is under way */
    isWaiting(now) {
        return this.#backAt !== undefined && now - this.#backAt >= BACK_MS;
    }

    /** @param {number} ms until then, or until they come back */
    async pause(ms) {
        await new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            this.#wake = () => {
                clearTimeout(timer);
                resolve(undefined);
            };
        });
    }

    end() {
        this.#ended.abort();
    }
}

/** @param {string} address @param {Visitor} visitor @returns {Promise<InvoiceStatus>} */
async function result(address, visitor) {
    const end = Date.now() + FOLLOW_MS_MAX;
    let pauseMs = PAUSE_MS_MIN;
    try {
        for (;;) {
            const now = Date.now();
            const status = await look(address);
            if (status !== "pending" || now >= end || visitor.isWaiting(now)) return status;
            await visitor.pause(pauseMs);
            pauseMs = visitor.isBack ? PAUSE_MS_MIN : Math.min(pauseMs * 1.5, PAUSE_MS_MAX);
        }
    } finally {
        visitor.end();
    }
}

/** @param {string} address @returns {Promise<InvoiceStatus>} `pending` too where nothing is heard */
async function look(address) {
    try {
        const answer = await fetch(address, {
            cache: "no-store",
            credentials: "omit",
            redirect: "error",
            referrerPolicy: "no-referrer",
            signal: AbortSignal.timeout(ANSWER_MS_MAX),
        });
        if (answer.status === 404) return "failed";
        const { status } = await answer.json();
        return answer.ok && STATUSES.has(status) ? status : "pending";
    } catch {
        return "pending"; // without a network, or too often: it is asked again
    }
}

/** @param {() => void} heard what it throws is the shop's own, and stops nobody else */
function call(heard) {
    try {
        heard();
    } catch (error) {
        reportError(error);
    }
}
