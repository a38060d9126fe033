/**
 * Two persons sign on the real page, with the real service behind it: a program for
 * tests/integration/appservices/signing/test_browser.py. It speaks as real_person.js says.
 */
import { launch } from "./browser.js";
import { person, sign, tell } from "./real_person.js";

/** @param {import("playwright-core").Page} page */
async function read(page) {
    await page.locator("canvas:not([width='0'])").first().waitFor();
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    for (const box of await page.getByLabel("I agree to this clause in particular").all())
        await box.check();
}

const browser = await launch();
try {
    const alice = await person(browser, "alice", "@alice:veche.test");
    const bob = await person(browser, "bob", "@bob:veche.test");
    await read(alice.page);
    await read(bob.page);
    const outcomes = [await sign(alice.page), await sign(bob.page)];
    await tell({ outcomes, problems: [...alice.problems, ...bob.problems] });
} finally {
    await browser.close();
}
process.exit(0);
