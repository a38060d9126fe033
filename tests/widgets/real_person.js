/**
 * Persons on real pages, at a service that is told by address. A program with them says what it
 * needs in lines of JSON on standard output, and reads one line for each.
 */
import { createInterface } from "node:readline";
import { keyHere } from "./approvals_fake.js";
import { BASE } from "./control.js";

const SERVICE = process.env.VECHE_SERVICE ?? "";
/** A press counts once the button could be seen for a while. */
export const LOOK_MS = 600;
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
    return { page, problems };
}
