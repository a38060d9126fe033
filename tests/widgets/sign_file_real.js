/**
 * Two persons sign a file that is no PDF on the real page, with the real service behind it: a program
 * for tests/integration/appservices/signing/test_browser.py. It speaks as real_person.js says.
 */
import { launch } from "./browser.js";
import { person, sign, tell } from "./real_person.js";

/** @typedef {import("playwright-core").Page} Page */

/**
 * Looks at all of it: on the page, or, as it cannot show the file, with a program of their own.
 * @param {Page} page
 * @returns {Promise<string>} how much the page says that was on the screen
 */
async function read(page) {
    await page.getByText("File name").waitFor();
    if ((await page.locator("img.file-picture").count()) > 0)
        await page.locator("img[data-part]").waitFor(); // it is drawn
    for (const part of await page.locator("[data-part]").all()) await part.scrollIntoViewIfNeeded();
    const hasParts = (await page.locator("[data-part]").count()) > 0;
    if (!hasParts) {
        await page.getByText("Look at the file with a program of your own").waitFor();
        await page.getByLabel("I have looked at it with a program of my own.").check();
        return "";
    }
    if ((await page.locator("pre").count()) > 0) {
        await page.getByText("There are characters in this text that nobody sees.").waitFor();
        await page.locator("mark").first().waitFor();
    }
    const seen = page.getByText(/^(\d+) of \1 parts were on the screen\.$/);
    await seen.waitFor();
    return seen.innerText();
}

/** @param {Page} page @param {{file: string, other: string}} files */
async function compare(page, { file, other }) {
    const chosen = page.getByLabel("Have you looked at a copy");
    await chosen.setInputFiles(other);
    await page.getByText("That is another file.").waitFor();
    await page.getByText("The copy that you compared is another file.").waitFor();
    await chosen.setInputFiles(file);
    await page.getByText("It is the very file that you sign.", { exact: true }).waitFor();
}

const browser = await launch();
try {
    const alice = await person(browser, "alice", "@alice:veche.test");
    const bob = await person(browser, "bob", "@bob:veche.test");
    const seen = await read(alice.page);
    await compare(alice.page, /** @type {any} */ (alice.more));
    await read(bob.page);
    // Bob's page is older than Alice's signature.
    const outcomes = [await sign(alice.page), await sign(bob.page)];
    await tell({ outcomes, seen, problems: [...alice.problems, ...bob.problems] });
} finally {
    await browser.close();
}
process.exit(0);
