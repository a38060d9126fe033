/**
 * A tablet of the office, on which somebody without a phone reads and writes by hand, and the page
 * of the registrar who signs as the witness: a program for
 * tests/integration/appservices/signing/test_browser_by_hand.py. It speaks as real_person.js says.
 */
import assert from "node:assert/strict";
import { launch } from "./browser.js";
import { BASE } from "./control.js";
import { assertAccessible } from "./looks.js";
import { press } from "./press.js";
import { person, tell } from "./real_person.js";

const NAME = "Sheet to write your name on";
const FIRST = [
    [100, 230],
    [110, 60],
    [200, 80],
    [130, 140],
    [220, 190],
];

/** @param {string} link @returns {string} the same on the pages that are tested */
function here(link) {
    return `${BASE}/sign#${new URL(link).hash.slice(1)}`;
}

/** @param {import("playwright-core").Page} page @returns {Promise<string>} what is still missing */
function missing(page) {
    return page.locator("#missing").innerText();
}

/** Writes with a finger or a pen. @param {import("playwright-core").Page} page */
async function write(page) {
    const pen = page.getByRole("application", { name: NAME });
    await pen.scrollIntoViewIfNeeded();
    const box = await pen.boundingBox();
    assert.ok(box);
    const at = FIRST.map(([x = 0, y = 0]) => [
        box.x + (x / 1000) * box.width,
        box.y + (y / 300) * box.height,
    ]);
    const [[x = 0, y = 0] = [], ...others] = at;
    await page.mouse.move(x, y);
    await page.mouse.down();
    for (const [toX = 0, toY = 0] of others) await page.mouse.move(toX, toY, { steps: 5 });
    await page.mouse.up();
}

/** The same by the keyboard alone. @param {import("playwright-core").Page} page */
async function type(page) {
    await page.getByRole("application", { name: NAME }).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Space");
    for (let n = 0; n < 12; n += 1) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Space");
}

const browser = await launch();
try {
    const context = await browser.newContext({
        locale: "en-GB",
        hasTouch: true,
        viewport: { width: 1024, height: 768 },
    });
    /** @type {string[]} */
    const problems = [];
    context.on("weberror", (error) => problems.push(String(error.error())));
    const tablet = await context.newPage();
    await tablet.goto(here((await tell({ name: "tablet" })).link));
    await tablet.getByText("You have no key of your own here.").waitFor();
    await assertAccessible(tablet);
    await tablet.getByRole("button", { name: "Read the document" }).click();
    const digits = await tablet.locator(".code-digits [aria-hidden]").first().innerText();
    await tablet.locator("canvas:not([width='0'])").first().waitFor();
    await tablet.getByText("1 of 1 pages were on the screen.").waitFor();

    // Each thing that is still to be done is named, in its order.
    const agree = tablet.getByRole("button", { name: "I agree", exact: true });
    assert.match(await missing(tablet), /Your answer to “Deposit” is missing/);
    await tablet.getByLabel("I agree to this clause in particular").check();
    assert.match(await missing(tablet), /Your answer to “Newsletter” is missing/);
    await tablet.getByLabel("I don't agree; I sign the rest").check();
    assert.match(await missing(tablet), /Type your name/);
    await tablet.getByLabel("Your name, typed").fill("Robert Brown");
    assert.match(await missing(tablet), /Type your name as the document has it: Bob Brown/);
    await tablet.getByLabel("Your name, typed").fill("bob  brown");
    assert.match(await missing(tablet), /Write your name on the sheet/);
    await type(tablet);
    await tablet.getByText("1 line is written.").waitFor();
    assert.match(await missing(tablet), /Tick that you agree/);
    await tablet.getByRole("button", { name: "Write it anew" }).click();
    await tablet.getByText("Nothing is written yet.").waitFor();
    await write(tablet);
    await tablet.getByText("1 line is written.").waitFor();
    assert.ok(await agree.isDisabled());
    await tablet.getByLabel("I have read this document and agree to it").check();
    assert.equal(await missing(tablet), "");
    await assertAccessible(tablet);
    await tablet.setViewportSize({ width: 360, height: 740 });
    assert.ok(await tablet.evaluate(() => document.documentElement.scrollWidth <= 360));
    await tablet.setViewportSize({ width: 1024, height: 768 });
    await press(agree);
    await tablet.getByText("Give the tablet back to Carol Clark").waitFor();
    assert.equal(await tablet.locator(".code-digits [aria-hidden]").innerText(), digits);

    // Nothing of it is left on the tablet, and its link opens nothing more.
    assert.equal(new URL(tablet.url()).hash, "");
    assert.equal(await tablet.locator("canvas, veche-pen").count(), 0);
    const left = await tablet.evaluate(async () => ({
        kept: JSON.stringify({ ...localStorage, ...sessionStorage }),
        bases: (await indexedDB.databases()).map(({ name }) => name),
    }));
    assert.ok(!/brown|lease/i.test(left.kept), left.kept);
    assert.deepEqual(left.bases, []);
    await tablet.goto(here((await tell({ name: "again" })).link));
    await tablet.getByText("This link was used before, or it is too old.").waitFor();

    await tell({ digits, name: "seen" });
    const carol = await person(browser, "carol", "@carol:veche.test");
    const { page } = carol;
    await page.locator("canvas:not([width='0'])").first().waitFor();
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    await page.getByText(`on the tablet with the digits ${digits} and wrote`).waitFor();
    await page.getByRole("img", { name: "What Bob Brown wrote by hand" }).waitFor();
    await page.getByText("Newsletter: not agreed").waitFor();
    await assertAccessible(page);
    await press(page.getByRole("button", { name: "Sign as the witness" }));
    const done = page.getByText("You have signed this document.");
    const refused = page.locator("main .missing .banner");
    await done.or(refused).first().waitFor();
    const outcome = (await refused.isVisible()) ? await refused.innerText() : "signed";
    await page.getByText("signed by hand, without a key; witness: Carol Clark").waitFor();
    await tell({ outcomes: [outcome], problems: [...problems, ...carol.problems] });
} finally {
    await browser.close();
}
process.exit(0);
