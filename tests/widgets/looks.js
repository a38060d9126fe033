/**
 * How pages look: pictures of them in several looks, none wider than it may be, and what axe finds.
 *
 * @typedef {import("playwright-core").Page} Page
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { AXE, AxeBuilder } from "./browser.js";

const AXE_AGAIN_MAX = 5;
/** The folder for pictures: none is taken where none is named. */
const SHOTS = process.env.VECHE_SCREENSHOTS ?? "";
const IS_LONG = process.env.VECHE_LONG === "1";

/**
 * Fails if axe finds anything at all on the page, and in the frames in it.
 * @param {Page} page
 */
export async function assertAccessible(page) {
    // axe gives a frame half a second to answer; on a busy machine it takes longer, and is passed over.
    const axe = new AxeBuilder({ page });
    let result = await axe.analyze();
    for (let again = 0; isFramePassedOver(result) && again < AXE_AGAIN_MAX; again += 1)
        result = await axe.analyze();
    assert.deepEqual(result.violations.map(inWords), [], "axe");
}

/** @param {{incomplete: {id: string}[]}} result of axe */
const isFramePassedOver = ({ incomplete }) => incomplete.some(({ id }) => id === "frame-tested");

/** @param {{id: string, help: string, nodes: {target: unknown}[]}} violation */
const inWords = ({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ target }) => target).join(" | ")}`;

/**
 * The same of a page without frames.
 * @param {Page} page
 * @param {string[]} [rules] of axe; all if there are none
 */
async function assertClean(page, rules) {
    if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
    const violations = await page.evaluate(async (only) => {
        const { axe } = /** @type {any} */ (window);
        const options = { resultTypes: ["violations"], iframes: false, runOnly: only };
        return (await axe.run(document, options)).violations;
    }, rules);
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
