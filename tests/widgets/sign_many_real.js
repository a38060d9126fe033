/**
 * A person signs many documents on the real page, with the real service behind it: a program
 * for tests/integration/appservices/signing/test_browser.py. It speaks as real_person.js says.
 */
import { launch } from "./browser.js";
import { press, until } from "./press.js";
import { person, tell } from "./real_person.js";

/** @param {Element} line @returns {boolean} whether the page knows that it was in sight */
function isSeen(line) {
    const { session } = /** @type {HTMLElement} */ (line.querySelector(".line-head")).dataset;
    return /** @type {any} */ (line.closest("veche-sign-all")).looked.has(session);
}

const browser = await launch();
try {
    const { page, problems } = await person(browser, "alice", "@alice:veche.test");
    const lines = page.locator(".document-line");
    const button = page.getByRole("button", { name: /^Sign \d+ documents?$/ });
    await lines.first().waitFor();
    const count = await lines.count();
    await page.getByText("lines of the list were not on the screen yet").waitFor();
    for (let at = 0; at < count; at += 1) {
        await lines.nth(at).scrollIntoViewIfNeeded();
        // The page learns what is in sight in a frame of its own.
        await until(() => lines.nth(at).evaluate(isSeen), `line ${at + 1} is seen`);
    }
    await page.getByText("Open the documents and read them").waitFor();

    // The first one is read, the second one is not signed.
    await lines.nth(0).getByRole("button", { name: "Read" }).click();
    await lines.nth(0).locator("canvas:not([width='0'])").first().waitFor();
    await lines.nth(0).getByText("· read").waitFor();
    await lines.nth(1).getByRole("checkbox").uncheck();
    await page.getByLabel("I know these documents").check();
    const others = await page.locator(".plain-list a").count();

    await tell({ ready: count });
    const label = await button.innerText();
    await press(button);
    const under_way = page.getByText("Leave this page open until all are.");
    await under_way.waitFor();
    await under_way.waitFor({ state: "detached", timeout: 60_000 });
    await page.getByText("documents are signed").waitFor();
    const refused = await lines.locator(".banner.critical").allInnerTexts();
    const signed = await lines.getByText("· signed").count();
    await tell({ outcomes: { label, signed, refused, others }, problems });
} finally {
    await browser.close();
}
process.exit(0);
