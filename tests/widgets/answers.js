/**
 * Answers in the place of a service, to one browser profile.
 *
 * Chromium itself is asked to hold what goes to a service, and nothing else. Playwright's `route` holds every
 * file of every page and switches the cache off: a page that is visited again takes three times as long.
 *
 * @typedef {import("playwright-core").Browser} Browser
 * @typedef {import("playwright-core").BrowserContext} BrowserContext
 * @typedef {import("playwright-core").CDPSession} CDPSession
 *
 * @typedef {Pick<import("playwright-core").Request, "url" | "method" | "headers" | "postDataJSON" | "postDataBuffer">} Asked
 * @typedef {{status?: number, json?: unknown, body?: string | Buffer, contentType?: string}} Given
 *
 * @typedef {object} Held a request that waits, as Playwright's Route has it
 * @property {() => Asked} request
 * @property {(given: Given) => Promise<void>} fulfill
 * @property {(reason: "connectionreset" | "connectionfailed") => Promise<void>} abort
 * @property {() => Promise<void>} fallback leaves it to whoever answered before, or to the service
 *
 * @typedef {(held: Held) => unknown} Answer
 */

const FIREFOX = process.env.VECHE_BROWSER === "firefox";
const HELD = ["*/_veche/*", "*/.well-known/veche/*"].map((urlPattern) => ({ urlPattern }));
const REASONS = /** @type {const} */ ({
    connectionreset: "ConnectionReset",
    connectionfailed: "ConnectionFailed",
});

/** @type {WeakMap<Browser, Promise<Answering>>} */
const answering = new WeakMap();

/**
 * Answers what the pages of a profile ask, from now on; the answer that was given last comes first.
 * @param {BrowserContext} context
 * @param {RegExp} addresses of a service: below `/_veche/`, or `/.well-known/veche/`
 * @param {Answer} answer
 */
export async function answer(context, addresses, answer) {
    const browser = context.browser();
    if (FIREFOX || !browser) return void (await context.route(addresses, answer));
    const known = answering.get(browser) ?? Answering.of(browser);
    answering.set(browser, known);
    await (await known).add(context, addresses, answer);
}

/** All answers that a browser is given. */
class Answering {
    /** @type {Map<string, {context: BrowserContext, answers: {addresses: RegExp, answer: Answer}[]}>} by the browser's id */
    #served = new Map();
    /** @type {Map<string, Promise<string>>} the context of a frame */
    #owners = new Map();
    /** @type {WeakMap<BrowserContext, Promise<string>>} */
    #ids = new WeakMap();

    /** @param {CDPSession} session of the browser */
    constructor(session) {
        this.session = session;
        session.on("Fetch.requestPaused", (paused) => this.#answer(paused));
    }

    /** @param {Browser} browser */
    static async of(browser) {
        return new Answering(await browser.newBrowserCDPSession());
    }

    /** @param {BrowserContext} context @param {RegExp} addresses @param {Answer} answer */
    async add(context, addresses, answer) {
        const known = this.#ids.get(context) ?? idOf(context);
        this.#ids.set(context, known);
        const id = await known;
        const before = this.#served.get(id);
        const answers = [{ addresses, answer }, ...(before?.answers ?? [])];
        this.#served.set(id, { context, answers });
        if (before) return;
        context.once("close", () => this.#end(id));
        await this.session.send("Fetch.enable", { patterns: HELD });
        for (const page of context.pages()) await tellOf(page);
    }

    /** @param {string} id */
    #end(id) {
        this.#served.delete(id);
        if (this.#served.size > 0) return;
        this.#owners.clear();
        this.session.send("Fetch.disable").catch(() => {}); // the browser is gone
    }

    /** @param {any} paused */
    async #answer(paused) {
        const served = this.#served.get(await this.#owner(paused.frameId));
        const found = (served?.answers ?? []).filter(({ addresses }) =>
            addresses.test(paused.request.url),
        );
        await new HeldRequest(this.session, paused).offer(found.map((one) => one.answer));
    }

    /** @param {string} frame @returns {Promise<string>} the id of its context */
    #owner(frame) {
        const known = this.#owners.get(frame) ?? this.#find(frame);
        this.#owners.set(frame, known);
        return known;
    }

    /** @param {string} frame */
    async #find(frame) {
        try {
            const { targetInfo } = await this.session.send("Target.getTargetInfo", {
                targetId: frame,
            });
            return targetInfo.browserContextId ?? "";
        } catch {
            return this.#within(frame); // within a page of the same site it is no target of its own
        }
    }

    /** @param {string} frame @returns {Promise<string>} empty: it is gone, or nobody answers it */
    async #within(frame) {
        for (const [id, { context }] of this.#served)
            for (const page of context.pages()) if (await hasFrame(page, frame)) return id;
        return "";
    }
}

/** @implements {Held} */
class HeldRequest {
    /** @type {Answer[]} */
    #others = [];

    /** @param {CDPSession} session @param {any} paused */
    constructor(session, paused) {
        this.session = session;
        this.id = /** @type {string} */ (paused.requestId);
        this.asked = asked(paused.request);
    }

    request() {
        return this.asked;
    }

    /** @param {Answer[]} answers the first one answers, or leaves it to the next */
    async offer([first, ...others]) {
        this.#others = others;
        if (first) await first(this);
        else await this.#end("Fetch.continueRequest", {});
    }

    async fallback() {
        await this.offer(this.#others);
    }

    /** @param {Given} given */
    async fulfill({ status = 200, json, body, contentType }) {
        const content = json === undefined ? (body ?? "") : JSON.stringify(json);
        const type = contentType ?? (json === undefined ? undefined : "application/json");
        await this.#end("Fetch.fulfillRequest", {
            responseCode: status,
            responseHeaders: type ? [{ name: "content-type", value: type }] : [],
            body: Buffer.from(content).toString("base64"),
        });
    }

    /** @param {keyof typeof REASONS} reason */
    async abort(reason) {
        await this.#end("Fetch.failRequest", { errorReason: REASONS[reason] });
    }

    /** @param {"Fetch.continueRequest" | "Fetch.fulfillRequest" | "Fetch.failRequest"} method @param {object} rest */
    async #end(method, rest) {
        const params = /** @type {any} */ ({ requestId: this.id, ...rest });
        try {
            await this.session.send(method, params);
        } catch (error) {
            if (!/Invalid InterceptionId|closed|not enabled/.test(String(error))) throw error; // nobody waits any more
        }
    }
}

/** @param {any} request @returns {Asked} */
function asked({ url, method, headers, postDataEntries = [] }) {
    const parts = postDataEntries.map((/** @type {{bytes: string}} */ { bytes }) =>
        Buffer.from(bytes, "base64"),
    );
    const body = parts.length > 0 ? Buffer.concat(parts) : null;
    const low = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    return {
        url: () => url,
        method: () => method,
        headers: () => Object.fromEntries(low),
        postDataBuffer: () => body,
        postDataJSON: () => body && JSON.parse(body.toString()),
    };
}

/**
 * Tells a page that is open already that requests are held: it asks its browser anew how to send them.
 * @param {import("playwright-core").Page} page
 */
async function tellOf(page) {
    const session = await page.context().newCDPSession(page);
    await session.send("Fetch.enable", { patterns: [{ urlPattern: "about:none" }] });
    // Not detached: that would take the virtual authenticator of another session with it.
    await session.send("Fetch.disable");
}

/** @param {import("playwright-core").Page} page @param {string} wanted @returns {Promise<boolean>} */
async function hasFrame(page, wanted) {
    const session = await page.context().newCDPSession(page);
    const { frameTree } = await session.send("Page.getFrameTree");
    await session.detach();
    /** @param {any} tree @returns {boolean} */
    const isIn = ({ frame, childFrames = [] }) => frame.id === wanted || childFrames.some(isIn);
    return isIn(frameTree);
}

/** @param {BrowserContext} context @returns {Promise<string>} as the browser calls it */
async function idOf(context) {
    const [known] = context.pages();
    const page = known ?? (await context.newPage());
    const session = await context.newCDPSession(page);
    const { targetInfo } = await session.send("Target.getTargetInfo"); // not detached, as above
    if (!known) await page.close();
    return targetInfo.browserContextId ?? "";
}
