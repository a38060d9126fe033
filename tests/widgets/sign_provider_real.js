/**
 * A person signs at a provider on the real page, with the real service and a provider behind it: a
 * program for tests/integration/appservices/signing/test_provider_browser.py, see real_person.js.
 */
import { launch } from "./browser.js";
import { glance } from "./looks.js";
import { press } from "./press.js";
import { person, tell } from "./real_person.js";

const PROVIDER = "Trust of Lindenau";

/** @param {import("playwright-core").Page} page that shows the document */
async function chosen(page) {
    await page.getByText("1 of 1 pages were on the screen.").waitFor();
    await glance(page, "sign-provider");
    await page.getByLabel(`Your user name or number at ${PROVIDER}`).fill("bob-17");
    await page.getByRole("button", { name: "Show my certificates" }).click();
    await page.getByText(`A qualified certificate below ${PROVIDER}`).waitFor();
    await glance(page, "sign-provider-found");
    await page.getByRole("button", { name: "Take this one" }).click();
    await page.getByRole("heading", { name: "Your certificate", exact: true }).waitFor();
    await press(page.getByRole("button", { name: "Approve this certificate" }));
    const sign = page.getByRole("button", { name: `Sign with ${PROVIDER}` });
    await sign.waitFor();
    await glance(page, "sign-provider-approved");
    await sign.click();
}

/** @param {import("playwright-core").Page} page @returns {Promise<string>} "signed", or why not */
async function outcome(page) {
    const done = page.getByText("You have signed this document.");
    const refused = page.locator("main .missing .banner");
    await done.or(refused).first().waitFor();
    return refused.isVisible().then((is) => (is ? refused.innerText() : "signed"));
}

/**
 * Says a wrong PIN, then the right one with a new code.
 * @param {import("playwright-core").Page} page
 * @param {{pin: string, code: string}} right
 */
async function said(page, { pin, code }) {
    const [first, second] = [
        page.getByLabel("PIN of the signature"),
        page.getByLabel("Code by SMS"),
    ];
    await first.fill("0000");
    await second.fill(code);
    await glance(page, "sign-provider-said");
    await page.getByRole("button", { name: `Sign with ${PROVIDER}` }).click();
    const refused = await outcome(page);
    const left = [await first.inputValue(), await second.inputValue()];
    await glance(page, "sign-provider-refused");
    await page.getByRole("button", { name: "Send a new code" }).click();
    await first.fill(pin);
    await second.fill(code);
    await page.getByRole("button", { name: `Sign with ${PROVIDER}` }).click();
    return { refused, left };
}

/** @param {import("playwright-core").Page} page that waits for the app */
async function agreed(page) {
    await page.getByText(`Agree at ${PROVIDER} now`).waitFor();
    await page.getByText(/^[23]:[0-5][0-9]$/u).waitFor();
    await glance(page, "sign-provider-waits");
    await page.reload();
    await page.getByText(`Agree at ${PROVIDER} now`).waitFor();
    await tell({ agree: true });
}

const browser = await launch();
try {
    const { page, problems, more } = await person(browser, "bob", "@bob:veche.test");
    await chosen(page);
    const seen = more.mode === "app" ? await agreed(page) : await said(page, more);
    const how = await outcome(page);
    await glance(page, "sign-provider-done");
    await tell({ ...seen, outcomes: [how], problems });
} finally {
    await browser.close();
}
process.exit(0);
