/**
 * Somebody asks for signatures in one browser, two persons sign in theirs, the last one's closes the
 * file, with the real service behind them: a program for
 * tests/integration/appservices/signing/test_blind_browser.py. It speaks as real_person.js says, and
 * tells at last whether anything of it was sent out, the closed file, and what the page of verifying says
 * of it.
 */
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { answer } from "./answers.js";
import { keyHere } from "./approvals_fake.js";
import { launch } from "./browser.js";
import { BASE } from "./control.js";
import { keepSession } from "./kept_session.js";
import { press } from "./press.js";
import { tell } from "./real_person.js";

const CANARY = process.env.CANARY ?? "";
const FILE = process.env.DOCUMENT ?? "";
/** Any other file is signed in a container: it has no pages, no boxes and no clauses. */
const IS_PDF = FILE.endsWith(".pdf");
/** @type {string[]} bodies and addresses of all requests, of everyone */
const sent = [];
/** @type {string[]} */
const problems = [];

const browser = await launch();

/** @param {string} name of somebody who is signed in */
async function signedIn(name) {
    const context = await browser.newContext({ locale: "en-GB", acceptDownloads: true });
    context.on("weberror", (error) => problems.push(String(error.error())));
    context.on("request", (request) => {
        sent.push(request.url(), request.postDataBuffer()?.toString("latin1") ?? "");
    });
    const page = await context.newPage();
    const account = `@${name}:veche.test`;
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page, account);
    await tell({ name, id: listed.id, public_key });
    await answer(context, /\/_veche\/approvals\//, (route) =>
        route.fulfill({ json: { state: "open", keys: [listed], now_ms: Date.now() } }),
    );
    await keepSession(page, { person: account, token: `room.${name}` });
    return page;
}

/** @param {import("playwright-core").Page} page @returns {Promise<string>} the link for all */
async function askFor(page) {
    await page.goto(`${BASE}/sign/new`);
    const main = page.locator("main");
    await main.locator("input[type=file]").setInputFiles({
        name: `${CANARY}${extname(FILE)}`,
        mimeType: "application/octet-stream",
        buffer: readFileSync(FILE),
    });
    await main.getByLabel("What the document is").fill(`${CANARY} lease`);
    await main.getByLabel("Account").fill("@alice:veche.test");
    await main.getByLabel("Name on the document").fill(`Alice ${CANARY}`);
    await main.getByRole("button", { name: "One more person" }).click();
    const second = main.getByRole("group", { name: "Person 2" });
    await second.getByLabel("Account").fill("@bob:veche.test");
    await second.getByLabel("Step").fill("2");
    if (IS_PDF) {
        await second.getByLabel("Box of the signature").selectOption("bottom right");
        await main.getByRole("button", { name: "Add a clause" }).click();
        await main.getByRole("textbox", { name: "Clause" }).fill(`${CANARY} penalty`);
    }
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByRole("button", { name: "Encrypt and send" }).click();
    await main.locator(".share").or(main.locator(".banner.critical")).first().waitFor();
    if ((await main.locator(".share").count()) === 0)
        throw new Error(await main.locator(".banner.critical").innerText());
    return main.locator(".share").innerText();
}

/** @param {import("playwright-core").Page} page @param {string} link @returns {Promise<string>} */
async function sign(page, link) {
    await page.goto(link);
    const main = page.locator("main");
    await main.getByRole("heading", { name: `${CANARY} lease` }).waitFor();
    await main.getByLabel(IS_PDF ? "I have read it elsewhere" : "I have looked at it with").check();
    if (IS_PDF) {
        const clause = "I agree to this clause in particular, and sign it by itself:";
        await main.getByLabel(clause).check();
    }
    const button = main.getByRole("button", { name: "Sign", exact: true });
    await press(button);
    const done = main.locator(".banner.success");
    const refused = main.locator(".missing .banner");
    await done.or(refused).first().waitFor();
    return (await refused.isVisible()) ? refused.innerText() : "signed";
}

/** @param {import("playwright-core").Page} page @param {string} file base64 @returns {Promise<string>} */
async function verified(page, file) {
    await page.goto(`${BASE}/verify`);
    await page.getByLabel("The receipt or the document").setInputFiles({
        name: `${CANARY}.closed`,
        mimeType: "application/octet-stream",
        buffer: Buffer.from(file, "base64"),
    });
    const main = page.locator("main");
    await main.locator(".banner").waitFor();
    return main.innerText();
}

try {
    const [carol, alice, bob] = [
        await signedIn("carol"),
        await signedIn("alice"),
        await signedIn("bob"),
    ];
    const link = await askFor(carol);
    const outcomes = [await sign(alice, link), await sign(bob, link)];
    await bob.getByText("Everyone who is needed has signed, and the document is closed.").waitFor();
    await bob.getByRole("button", { name: "Save the closed file" }).waitFor();
    // What that button gives: how a browser saves it is another test's.
    const saved = await bob.evaluate(() => {
        const { paper } = /** @type {any} */ (document.querySelector("veche-sign"));
        return btoa(Array.from(paper.whole, (one) => String.fromCharCode(one)).join(""));
    });
    const verdict = await verified(carol, saved);
    const key = new URLSearchParams(new URL(link).hash.slice(1)).get("k");
    const isTold = sent.some((one) => one.includes(CANARY) || (key && one.includes(key)));
    await alice.goto(`${BASE}/sign/new`);
    await alice.goto(link);
    await alice.getByText("This page has checked every signature in it.").waitFor();
    await tell({ outcomes, problems, saved, verdict, isTold, count: sent.length, link });
} finally {
    await browser.close();
}
process.exit(0);
