/**
 * Two persons sign on the real page, at a service that is told by address: a program for
 * tests/integration/appservices/signing/test_browser.py. It says what it needs in lines of JSON on
 * standard output, and reads one line for each.
 */
import { createInterface } from "node:readline";
import { keyHere } from "./approvals_fake.js";
import { launch } from "./browser.js";
import { BASE } from "./control.js";

const SERVICE = process.env.VECHE_SERVICE ?? "";
const LOOK_MS = 600;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** @param {unknown} said @returns {Promise<any>} */
async function tell(said) {
    process.stdout.write(`${JSON.stringify(said)}\n`);
    const { value } = await lines.next();
    return JSON.parse(value);
}

/**
 * @param {import("playwright-core").Browser} browser
 * @param {string} name
 * @param {string} owner Matrix id
 */
async function person(browser, name, owner) {
    const context = await browser.newContext({ locale: "en-GB", acceptDownloads: true });
    const page = await context.newPage();
    /** @type {string[]} */
    const problems = [];
    context.on("weberror", (error) => problems.push(String(error.error())));
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page, owner);
    const { link } = await tell({ name, id: listed.id, public_key });
    await context.route("**/_veche/**", async (route) => {
        const request = route.request();
        const { pathname, search } = new URL(request.url());
        if (pathname.startsWith("/_veche/approvals/")) {
            await route.fulfill({ json: { state: "open", keys: [listed], now_ms: Date.now() } });
            return;
        }
        const raw = request.postDataBuffer();
        const body = raw ? Uint8Array.from(raw) : undefined;
        const answer = await fetch(SERVICE + pathname + search, {
            method: request.method(),
            headers: await request.allHeaders(),
            body,
        });
        await route.fulfill({
            status: answer.status,
            contentType: answer.headers.get("content-type") ?? "",
            body: Buffer.from(await answer.arrayBuffer()),
        });
    });
    await page.goto(`${BASE}/sign#${new URL(link).hash.slice(1)}`);
    await page.locator("canvas:not([width='0'])").first().waitFor();
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    return { page, problems };
}

/** @param {import("playwright-core").Page} page */
async function sign(page) {
    const button = page.getByRole("button", { name: "Sign", exact: true });
    await page.waitForTimeout(LOOK_MS);
    await button.click();
    const done = page.getByText("You have signed this document.");
    const refused = page.locator("main .missing .banner");
    await done.or(refused).first().waitFor();
    return refused.isVisible().then((is) => (is ? refused.innerText() : "signed"));
}

const browser = await launch();
try {
    const alice = await person(browser, "alice", "@alice:veche.test");
    const bob = await person(browser, "bob", "@bob:veche.test");
    const outcomes = [await sign(alice.page), await sign(bob.page)];
    await tell({ outcomes, problems: [...alice.problems, ...bob.problems] });
} finally {
    await browser.close();
}
process.exit(0);
