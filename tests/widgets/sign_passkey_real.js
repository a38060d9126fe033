/**
 * Two persons whose keys are passkeys, on the real page, with the real service behind it: a program
 * for tests/integration/appservices/signing/test_passkeys.py. It speaks as real_person.js says.
 * Alice's device does not recognise her at first; Bob's does.
 */
import { addAuthenticator } from "./authenticator.js";
import { launch } from "./browser.js";
import { BASE } from "./control.js";
import { press } from "./press.js";
import { served, tell } from "./real_person.js";

/** @typedef {{page: import("playwright-core").Page, problems: string[]}} Person */

/**
 * Somebody whose device has made a passkey, on their page.
 * @param {import("playwright-core").Browser} browser
 * @param {string} name
 * @param {boolean} isVerified whether the device recognises them once the passkey is made
 * @returns {Promise<Person & {verify: () => Promise<void>}>}
 */
async function person(browser, name, isVerified) {
    const context = await browser.newContext({ locale: "en-GB" });
    const page = await context.newPage();
    /** @type {string[]} */
    const problems = [];
    context.on("weberror", (error) => problems.push(String(error.error())));
    const { cdp, id } = await addAuthenticator(page);
    const set = (/** @type {boolean} */ isUserVerified) =>
        cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified });
    await page.goto(`${BASE}/keys`);
    const { creation } = await tell({ name, site: BASE });
    const made = await page.evaluate(async (options) => {
        const links = [...document.querySelectorAll("link[rel=modulepreload]")];
        const address = links.map((one) => one.getAttribute("href") ?? "");
        const module = await import(address.find((one) => one.endsWith("/kit/approval.js")) ?? "");
        return module.makePasskey(options);
    }, creation);
    const { link, listed } = await tell({ name, made });
    await served(context, [listed]);
    await set(isVerified);
    await page.goto(`${BASE}/sign#${new URL(link).hash.slice(1)}`);
    return { page, problems, verify: async () => void (await set(true)) };
}

/** @param {import("playwright-core").Page} page @returns {Promise<string>} what it says */
async function sign(page) {
    await page.locator("canvas:not([width='0'])").first().waitFor();
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    const button = page.getByRole("button", { name: "Sign", exact: true });
    await press(button);
    const done = page.getByText("You have signed this document.");
    const refused = page.locator("main .banner.critical");
    await done.or(refused).first().waitFor();
    return refused.isVisible().then((is) => (is ? refused.innerText() : "signed"));
}

const browser = await launch();
try {
    const alice = await person(browser, "alice", false);
    const bob = await person(browser, "bob", true);
    const first = await sign(alice.page);
    await alice.verify();
    const outcomes = [first, await sign(alice.page), await sign(bob.page)];
    await tell({ outcomes, problems: [...alice.problems, ...bob.problems] });
} finally {
    await browser.close();
}
process.exit(0);
