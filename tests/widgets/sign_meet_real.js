/**
 * The phone of who has no account, on the real page, at a service that is told by address: a
 * program for tests/integration/appservices/signing/test_browser.py. It speaks as real_person.js
 * says, and says the digits that the phone shows.
 */
import { launch } from "./browser.js";
import { BASE } from "./control.js";
import { press } from "./press.js";
import { served, tell } from "./real_person.js";

/** @returns {Promise<object>} the key that the page has made, as the service will list it */
function keyOfPhone() {
    return new Promise((resolve, reject) => {
        const opening = indexedDB.open("veche");
        opening.addEventListener("error", () => reject(opening.error));
        opening.addEventListener("success", () => {
            const keys = opening.result.transaction("device_keys").objectStore("device_keys");
            const all = keys.getAll();
            all.addEventListener("error", () => reject(all.error));
            all.addEventListener("success", () =>
                resolve({
                    ...{ id: all.result[0].id, kind: "p256", label: "In person" },
                    ...{ transports: [], credential_id: null, held_until_ms: null },
                }),
            );
        });
    });
}

const browser = await launch();
try {
    const context = await browser.newContext({ locale: "en-GB" });
    /** @type {string[]} */
    const problems = [];
    context.on("weberror", (error) => problems.push(String(error.error())));
    /** @type {object[]} */
    const keys = [];
    await served(context, keys);
    const { screen, phone } = await tell({ name: "bob" });
    const wall = await context.newPage();
    await wall.goto(`${BASE}/sign#${new URL(screen).hash.slice(1)}`);
    await wall.getByRole("img", { name: "A code for a phone" }).waitFor();

    const page = await context.newPage();
    await page.goto(`${BASE}/sign#${new URL(phone).hash.slice(1)}`);
    await page.getByRole("button", { name: "Go on with this phone" }).click();
    const digits = await page.locator(".code-digits [aria-hidden]").innerText();
    await wall.getByText("A phone has opened it. Go on in your chat.").waitFor();
    keys.push(await page.evaluate(keyOfPhone));
    await tell({ digits, name: "carol" });

    await page.locator("canvas:not([width='0'])").first().waitFor();
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    await page.getByText("identified in person by Carol Clark").waitFor();
    await press(page.getByRole("button", { name: "Sign", exact: true }));
    const done = page.getByText("You have signed this document.");
    const refused = page.locator("main .missing .banner");
    await done.or(refused).first().waitFor();
    const outcome = (await refused.isVisible()) ? await refused.innerText() : "signed";
    await page.getByText("Keep the link of this page").waitFor();
    await tell({ outcomes: [outcome], problems });
} finally {
    await browser.close();
}
process.exit(0);
