/**
 * Persons on real pages, with a real service behind them. A program with them says what it
 * needs in lines of JSON on standard output, and reads one line for each.
 */
import { createInterface } from "node:readline";
import { answer } from "./answers.js";
import { keyHere } from "./approvals_fake.js";
import { BASE } from "./control.js";
import { press } from "./press.js";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** @param {unknown} said @returns {Promise<any>} */
export async function tell(said) {
    process.stdout.write(`${JSON.stringify(said)}\n`);
    const { value } = await lines.next();
    return JSON.parse(value);
}

/**
 * @param {import("playwright-core").Browser} browser
 * @param {string} name
 * @param {string} owner Matrix id
 */
export async function person(browser, name, owner) {
    const context = await browser.newContext({ locale: "en-GB", acceptDownloads: true });
    const page = await context.newPage();
    /** @type {string[]} */
    const problems = [];
    context.on("weberror", (error) => problems.push(String(error.error())));
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page, owner);
    const { link, ...more } = await tell({ name, id: listed.id, public_key });
    await served(context, [listed]);
    await page.goto(`${BASE}/sign#${new URL(link).hash.slice(1)}`);
    return { page, problems, more };
}

/**
 * Says which keys the person of a context has; all else is asked of the service.
 * @param {import("playwright-core").BrowserContext} context
 * @param {object[]} keys as the service lists them
 */
export async function served(context, keys) {
    await answer(context, /\/_veche\/approvals\//, (route) =>
        route.fulfill({ json: { state: "open", keys, now_ms: Date.now() } }),
    );
}

/**
 * Presses, once that counts.
 * @param {import("playwright-core").Page} page of somebody who has read all
 * @returns {Promise<string>} "signed", or why it was refused
 */
export async function sign(page) {
    const button = page.getByRole("button", { name: "Sign", exact: true });
    await press(button);
    const done = page.getByText("You have signed this document.");
    const refused = page.locator("main .missing .banner");
    await done.or(refused).first().waitFor();
    return refused.isVisible().then((is) => (is ? refused.innerText() : "signed"));
}
