/**
 * What every browser test uses. `test("a claim", async (stage) => …)` gives fresh browsers, closes
 * them, and fails when a console, a policy or an uncaught error complained in any of their pages.
 *
 * @typedef {import("playwright-core").Page} Page
 * @typedef {import("playwright-core").BrowserContext} BrowserContext
 * @typedef {import("playwright-core").BrowserContextOptions} BrowserContextOptions
 *
 * @typedef {BrowserContextOptions & {camera?: string, hasNotifications?: boolean}} Options `camera`:
 *   the film that its camera shows, in a browser of its own; `hasNotifications`: in one that shows them
 *
 * @typedef {object} Opened a browser profile of its own
 * @property {BrowserContext} context
 * @property {Page} page blank
 * @property {string[]} problems what complained so far
 *
 * @typedef {object} Stage
 * @property {(options?: Options) => Promise<Opened>} open
 * @property {(pattern: RegExp) => void} expect a complaint that belongs to the test
 */
import assert from "node:assert/strict";
import { launch, launchFilming, launchWhole } from "./browser.js";
import { BASE } from "./control.js";
import { after, tests } from "./registry.js";

export { addAuthenticator } from "./authenticator.js";
export { APP, BASE, ask } from "./control.js";
export { assertAccessible, glance, look, lookAtAll, shoot } from "./looks.js";
export { press, until } from "./press.js";

/** How long one step of a page may take on a machine that is busy with other things. */
const STEP_MS_MAX = 60_000;
const SCENE_MS_MAX = 5_000;
const SCENE_CHARACTERS_MAX = 3_000;

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let launched;

/** @returns {Promise<import("playwright-core").Browser>} one for all tests of a worker */
export function browser() {
    launched ??= launch().then((one) => one.on("disconnected", () => (launched = undefined)));
    return launched;
}

/** @type {Map<string, Promise<import("playwright-core").Browser>>} by the film of the camera */
const others = new Map();
const WHOLE = "the whole Chromium";

/** @param {string} name @param {() => Promise<import("playwright-core").Browser>} start */
function other(name, start) {
    const known = others.get(name) ?? start();
    others.set(name, known);
    return known;
}

/** @param {Options} options */
function browserFor({ camera, hasNotifications }) {
    if (camera) return other(camera, () => launchFilming(camera));
    return hasNotifications ? other(WHOLE, launchWhole) : browser();
}

after(async () => {
    for (const one of [launched, ...others.values()]) if (one) await (await one).close();
});

/**
 * A test. The name is a claim, a plain string at the beginning of a line: pytest finds it there.
 * @param {string} name
 * @param {(stage: Stage) => Promise<void>} play
 */
export function test(name, play) {
    tests.set(name, async () => {
        /** @type {Opened[]} */
        const opened = [];
        /** @type {RegExp[]} */
        const expected = [];
        const stage = {
            /** @param {Options} [options] */
            open: async (options) => {
                const one = await openProfile(options);
                opened.push(one);
                return one;
            },
            /** @param {RegExp} pattern */
            expect: (pattern) => void expected.push(pattern),
        };
        try {
            await play(stage);
            const problems = opened.flatMap((one) => one.problems);
            assert.deepEqual(
                problems.filter((problem) => !expected.some((one) => one.test(problem))),
                [],
                "a console, a policy or a script complained",
            );
        } catch (error) {
            if (error instanceof Error) error.stack += `\n${await scenes(opened)}`;
            throw error;
        } finally {
            await Promise.all(opened.map((one) => one.context.close()));
        }
    });
}

/** @param {Opened[]} opened @returns {Promise<string>} what stands on the pages of a test that failed */
async function scenes(opened) {
    const pages = opened.flatMap(({ context }) => context.pages());
    const parts = await Promise.all(
        pages.map(async (page) => {
            const text = await page
                .locator("body")
                .innerText({ timeout: SCENE_MS_MAX })
                .catch(() => "?");
            return `--- ${page.url()}\n${text.slice(0, SCENE_CHARACTERS_MAX)}`;
        }),
    );
    const problems = opened.flatMap((one) => one.problems);
    return [...parts, ...problems.map((one) => `complaint: ${one}`)].join("\n");
}

/** @param {Options} [options] @returns {Promise<Opened>} */
async function openProfile({ camera, hasNotifications, ...options } = {}) {
    const where = await browserFor({ camera, hasNotifications });
    const context = await where.newContext({ locale: "en-GB", ...options });
    // Of the pages that a page opens too.
    context.setDefaultTimeout(STEP_MS_MAX);
    /** @type {string[]} */
    const problems = [];
    context.on("console", (message) => {
        if (message.type() === "error" && !isRepeated(message))
            problems.push(`${message.text()} ${message.location().url}`);
    });
    context.on("weberror", (error) => problems.push(String(error.error())));
    return { context, page: await context.newPage(), problems };
}

/**
 * Whether a page is told "not yet" by a busy service: it asks again by itself, and the browser notes
 * it all the same. What it comes to in the end is on the page.
 * @param {import("playwright-core").ConsoleMessage} message
 */
function isRepeated(message) {
    const { pathname } = new URL(message.location().url, BASE);
    return pathname.startsWith("/_veche/") && message.text().includes("status of 503");
}

/** Something that waits until the test lets it go on. */
export function gate() {
    /** @type {(value: unknown) => void} */
    let open;
    const promise = new Promise((resolve) => {
        open = resolve;
    });
    return { promise, resolve: (/** @type {unknown} */ value) => open(value) };
}
