/**
 * Somebody signs on the real page while who stamps, elsewhere, is as a test wants it; then the file
 * is checked on the page for that: a program for
 * tests/integration/appservices/signing/test_other_stampers_browser.py. It speaks as
 * real_person.js says.
 */
import { launch } from "./browser.js";
import { BASE } from "./control.js";
import { person, sign, tell } from "./real_person.js";

/**
 * @param {import("playwright-core").Browser} browser
 * @param {string} saved the file, in base64
 */
async function verified(browser, saved) {
    const page = await browser.newPage({ locale: "en-GB" });
    await page.goto(`${BASE}/verify`);
    await page.getByLabel("The receipt or the document").setInputFiles({
        name: "lease.pdf",
        mimeType: "application/pdf",
        buffer: Buffer.from(saved, "base64"),
    });
    const said = page.locator("main .banner").filter({ hasText: "document" }).first();
    await said.waitFor();
    return {
        verdict: await said.innerText(),
        facts: await page.locator("main .facts").innerText(),
    };
}

const browser = await launch();
try {
    const alice = await person(browser, "alice", "@alice:veche.test");
    const { page } = alice;
    await page.locator("canvas:not([width='0'])").first().waitFor();
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    const outcomes = [];
    for (let more = true; more;) {
        ({ more } = await tell({ next: outcomes.length }));
        if (more) outcomes.push(await sign(page));
    }
    const { saved } = await tell({ file: true });
    const checked = saved ? await verified(browser, saved) : {};
    await tell({ outcomes, checked, problems: alice.problems });
} finally {
    await browser.close();
}
process.exit(0);
