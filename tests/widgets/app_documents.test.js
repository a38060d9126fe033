/** Documents of a real office in the app: where they are found, also when much was said since. */
// stage: up
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { BASE, ask, glance, test, until } from "./harness.js";
import { USUAL, filesOf } from "./app_account.js";
import { CasePage } from "./pages/case.js";
import { DoorPage } from "./pages/door.js";
import { VerifyPage } from "./pages/verify.js";

const TITLE = "Copy of a birth certificate";
/** More than a device loads of a chat at the start. */
const LATER = 40;

/** @param {Element} one @returns {boolean} */
function isInSight(one) {
    const { top, bottom } = one.getBoundingClientRect();
    return top >= 0 && bottom <= window.innerHeight;
}

/**
 * The code that is printed on a document leads to where the document is found good.
 * @param {import("playwright-core").Page} page
 * @param {string} pdf file
 */
async function isFoundGood(page, pdf) {
    const { texts } = await ask("printed_codes", { pdf });
    assert.deepEqual(texts, [`${BASE}/verify`]);
    const verify = new VerifyPage(await page.context().newPage());
    await verify.page.goto(String(texts[0]));
    await verify.file.setInputFiles({
        ...{ name: "certificate.pdf", mimeType: "application/pdf" },
        buffer: await readFile(pdf),
    });
    await verify.banner.getByText("This document is genuine").waitFor();
    await verify.page.close();
}

test("a certificate's printed code leads to where it is found good; it stands once under Documents, opens where it is, and is found when much came after it", async ({
    open,
    expect,
}) => {
    for (const usual of USUAL) expect(usual);
    await ask("clerk");
    const { page } = await open();
    const door = new DoorPage(page);
    await door.begin(`doro${Date.now().toString(36)}`);
    await door.visit("#/services");
    await page.getByRole("link", { name: new RegExp(`^${TITLE}`) }).click();
    await door.start.click();
    const one = new CasePage(page);
    await one.field("Name of the child").fill("Anna Weber");
    await one.field("Day of birth").fill("2015-05-03");
    await one.form.getByLabel("School").check();
    await one.send.click();
    await one.state.getByText("submitted, waits for the office").waitFor();
    const number = await one.card.locator("code").first().innerText();
    await ask("desk", { number, choices: ["claim", "approve"] });
    const saving = page.waitForEvent("download");
    await one.documents.getByRole("button", { name: "Download" }).click();
    const pdf = String(await (await saving).path());
    await isFoundGood(page, pdf);

    await door.visit("#/me/documents");
    const row = page.locator("main .row", { hasText: TITLE });
    await row.waitFor();
    assert.equal(await row.count(), 1);
    await glance(page, "app-documents");
    await row.click();
    await page.locator("app-message", { hasText: ".pdf" }).first().waitFor();
    const room = decodeURIComponent(page.url().split("/")[5] ?? "");

    await page.evaluate(
        async ([base, id, count]) => {
            const { account } = await import(`${base}app/account/account.js`);
            const { client } = account().opened;
            for (let at = 0; at < Number(count); at += 1)
                await client.sendEvent(id, "org.example.said", { at });
        },
        [await filesOf(page), room, LATER],
    );
    await door.visit("#/me/documents");
    await page.reload();
    const older = page.getByRole("button", { name: "Look for older documents" });
    await older.waitFor();
    const files = await filesOf(page);
    const isReady = () =>
        page.evaluate(async (base) => {
            const { account } = await import(`${base}app/account/account.js`);
            return account().phase === "ready";
        }, files);
    await until(isReady, "the client");
    assert.equal(await row.count(), 0, "it is older than what is loaded");
    await older.click();
    await page.getByText("Older messages are read.").waitFor();
    await row.waitFor();
    await row.click();
    const file = page.locator("app-message", { hasText: ".pdf" }).first();
    await until(() => file.evaluate(isInSight), "the document is in sight");
});
