/**
 * How pages look: pictures of them in several looks, none wider than it may be, and what axe finds.
 *
 * @typedef {import("playwright-core").Page} Page
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { AxeBuilder } from "./browser.js";

const AXE_AGAIN_MAX = 5;
/** The folder for pictures: none is taken where none is named. */
const SHOTS = process.env.VECHE_SCREENSHOTS ?? "";
const IS_LONG = process.env.VECHE_LONG === "1";

/**
 * Fails if axe finds anything at all on the page, and in the frames in it.
 * @param {Page} page
 */
export function assertAccessible(page) {
    return assertClean(new AxeBuilder({ page }));
}

/** @param {{incomplete: {id: string}[]}} result of axe */
const isFramePassedOver = ({ incomplete }) => incomplete.some(({ id }) => id === "frame-tested");

/** @param {InstanceType<typeof AxeBuilder>} axe */
async function assertClean(axe) {
    // axe gives a frame half a second to answer; on a busy machine it takes longer, and is passed over.
    let result = await axe.analyze();
    for (let again = 0; isFramePassedOver(result) && again < AXE_AGAIN_MAX; again += 1)
        result = await axe.analyze();
    const { violations } = result;
    const found = violations.map(
        ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((n) => n.target).join(" | ")}`,
    );
    assert.deepEqual(found, [], "axe");
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
const LOOKS = /** @type {Look[]} */ ([
    LIGHT,
    { ...NARROW, axe: "all" },
    { suffix: "dark", colorScheme: "dark", axe: "colours" },
]);
const CONTRASTS = /** @type {Look[]} */ ([
    { suffix: "contrast", colorScheme: "light", contrast: "more", axe: "colours" },
    { suffix: "contrast-dark", colorScheme: "dark", contrast: "more", axe: "colours" },
]);

/**
 * The looks a page must bear: light, narrow, dark; in a long run light and dark with high contrast
 * too. axe judges each: by all its rules where places change, by those of colours where colours do.
 * Once a page, in the state that shows most of it; `glance` is enough for its other states.
 * @param {Page} page ready to be looked at, without frames
 * @param {string} name
 */
export const look = (page, name) => lookAt(page, name, IS_LONG ? [...LOOKS, ...CONTRASTS] : LOOKS);

/**
 * The same with high contrast in every run, for a page that has most of the kit's parts.
 * @param {Page} page ready to be looked at, without frames
 * @param {string} name
 */
export const lookAtAll = (page, name) => lookAt(page, name, [...LOOKS, ...CONTRASTS]);

/**
 * The two looks of another state of a page: light, with all rules of axe, and narrow.
 * @param {Page} page ready to be looked at, without frames
 * @param {string} name
 */
export const glance = (page, name) => lookAt(page, name, [LIGHT, NARROW]);

/** @param {Page} page @param {string} name @param {Look[]} looks */
async function lookAt(page, name, looks) {
    const size = page.viewportSize() ?? { width: 1280, height: 720 };
    for (const { suffix, colorScheme, contrast = "no-preference", width, axe } of looks) {
        await page.emulateMedia({ colorScheme, contrast });
        await page.setViewportSize({ ...size, ...(width && { width }) });
        // In the page alone: for frames axe would open a page of its own each time.
        const asked = new AxeBuilder({ page }).setLegacyMode();
        if (axe) await assertClean(axe === "all" ? asked : asked.withRules(COLOURS));
        const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(overflow, 0, `${name} is wider than it may be: ${suffix}`);
        await shoot(page, `${name}-${suffix}`);
    }
    await page.emulateMedia({ colorScheme: null, contrast: null });
    await page.setViewportSize(size);
}
