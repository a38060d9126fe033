/**
 * How pages look: pictures of them in several looks, none wider than it may be, and what axe finds.
 *
 * @typedef {import("playwright-core").Page} Page
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { AXE } from "./browser.js";

/** The folder for pictures: none is taken where none is named. */
const SHOTS = process.env.VECHE_SCREENSHOTS ?? "";
const IS_LONG = process.env.VECHE_LONG === "1";

/** Rules of axe about a whole page, which what a frame has in it fulfils: they are asked of it. */
const OF_WHOLE_PAGES = ["bypass", "landmark-one-main", "page-has-heading-one", "region"];

/**
 * Fails if axe finds anything at all on the page, and in the frames in it. Each is judged by itself:
 * axe gives a frame half a second to answer otherwise, and passes it over if it takes longer.
 * @param {Page} page
 */
export async function assertAccessible(page) {
    const frames = page.frames();
    for (const frame of frames) {
        const isAround = frames.length > 1 && frame === page.mainFrame();
        await assertClean(frame, undefined, isAround ? OF_WHOLE_PAGES : []);
    }
}

/** @param {{id: string, help: string, nodes: {target: unknown}[]}} violation */
const inWords = ({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ target }) => target).join(" | ")}`;

/**
 * The same of one document, without the frames in it.
 * @param {Page | import("playwright-core").Frame} page
 * @param {string[]} [rules] of axe; all if there are none
 * @param {string[]} without these rules
 */
async function assertClean(page, rules, without = []) {
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
    const violations = await page.evaluate(
        async ([only, off]) => {
            const { axe } = /** @type {any} */ (window);
            // A colour on its way to another is none that anybody reads.
            const ways = document.getAnimations().filter((one) => one instanceof CSSTransition);
            await Promise.allSettled(ways.map((one) => one.finished));
            const disabled = Object.fromEntries((off ?? []).map((id) => [id, { enabled: false }]));
            const kinds = { resultTypes: ["violations"], iframes: false };
            const chosen = only ? { runOnly: only } : { rules: disabled };
            return (await axe.run(document, { ...kinds, ...chosen })).violations;
        },
        [rules, without],
    );
    assert.deepEqual(violations.map(inWords), [], "axe");
}

/**
 * Keeps a picture of what is in sight, for a guide, where they are asked for.
 * @param {Page} page
 * @param {string} name without the ending
 */
export async function picture(page, name) {
    if (SHOTS) await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

/**
 * Keeps a picture of the page, to be looked at, where they are asked for.
 * @param {Page} page
 * @param {string} name without the ending
 */
export async function shoot(page, name) {
    if (!SHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true });
}

/** Rules of axe whose outcome another colour scheme can change. */
const COLOURS = ["color-contrast", "link-in-text-block"];
/**
 * @typedef {object} Look
 * @property {string} suffix of the picture
 * @property {"light" | "dark"} colorScheme
 * @property {"more"} [contrast]
 * @property {number} [width] px
 * @property {"all" | "colours"} [axe] which of its rules; none: it is not asked
 */
const LIGHT = /** @type {Look} */ ({ suffix: "light", colorScheme: "light", axe: "all" });
const NARROW = /** @type {Look} */ ({ suffix: "narrow", colorScheme: "light", width: 320 });
const DARK = /** @type {Look} */ ({ suffix: "dark", colorScheme: "dark", axe: "colours" });
const CONTRASTS = /** @type {Look[]} */ ([
    { suffix: "contrast", colorScheme: "light", contrast: "more", axe: "colours" },
    { suffix: "contrast-dark", colorScheme: "dark", contrast: "more", axe: "colours" },
]);

const ALL = [LIGHT, /** @type {Look} */ ({ ...NARROW, axe: "all" }), DARK, ...CONTRASTS];

/**
 * The looks a page must bear: light, which axe judges by all its rules, and narrow; in a long run axe
 * judges narrow, dark, and light and dark with high contrast too: by all its rules where places change,
 * by those of colours where colours do.
 * Once a page, in the state that shows most of it; `glance` is enough for its other states.
 * @param {Page} page ready to be looked at, without frames
 * @param {string} name
 */
export const look = (page, name) => lookAt(page, name, IS_LONG ? ALL : [LIGHT, NARROW]);

/**
 * All looks in every run, for a page that has most of the kit's parts.
 * @param {Page} page ready to be looked at, without frames
 * @param {string} name
 */
export const lookAtAll = (page, name) => lookAt(page, name, ALL);

/**
 * The two looks of another state of a page: light and narrow; in a long run axe judges it too.
 * @param {Page} page ready to be looked at, without frames
 * @param {string} name
 */
export const glance = (page, name) =>
    lookAt(page, name, [IS_LONG ? LIGHT : { ...LIGHT, axe: undefined }, NARROW]);

/** Of colours, which would be judged half way; a page plays it. */
function endTransitions() {
    for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
}

/** @param {Page} page @param {string} name @param {Look[]} looks */
async function lookAt(page, name, looks) {
    const size = page.viewportSize() ?? { width: 1280, height: 720 };
    // A page is loaded before its script has drawn it.
    await page.locator("h1").first().waitFor({ state: "attached" });
    for (const { suffix, colorScheme, contrast = "no-preference", width, axe } of looks) {
        await page.emulateMedia({ colorScheme, contrast });
        await page.setViewportSize({ ...size, ...(width && { width }) });
        await page.evaluate(endTransitions);
        if (axe) await assertClean(page, axe === "all" ? undefined : COLOURS);
        const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(overflow, 0, `${name} is wider than it may be: ${suffix}`);
        await shoot(page, `${name}-${suffix}`);
    }
    await page.emulateMedia({ colorScheme: null, contrast: null });
    await page.setViewportSize(size);
}
