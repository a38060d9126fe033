// stage: receipts
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { answer } from "./answers.js";
import { BASE, look, test } from "./harness.js";

const { key, delivery: MADE } = JSON.parse(readFileSync(process.env.VECHE_ACTS ?? "", "utf-8"));
/** @type {Record<string, string>} what is said of each */
const SAID = {
    not_delivery: "This file is no receipt of delivery",
    unknown_signer: "Nobody can tell here",
    wrong_signature: "it was changed, or the organisation never signed it",
    other_signer: "another one signed it",
};

/** @param {import("playwright-core").Page} page */
async function publish(page) {
    await answer(page.context(), /\/\.well-known\/veche\/acts\?/, (route) =>
        route.fulfill({ json: { v: 1, api: "/", keys: [key] } }),
    );
}

/** @param {import("playwright-core").Page} page @param {unknown} value */
function choose(page, value) {
    const buffer = Buffer.from(JSON.stringify(value));
    return page
        .getByLabel("The receipt or the document")
        .setInputFiles({ name: "delivery.json", mimeType: "application/json", buffer });
}

test("a receipt of delivery is verified in the page, and each false one refused", async ({
    open,
}) => {
    const { page } = await open();
    await publish(page);
    await page.goto(`${BASE}/verify`);
    await choose(page, MADE.good);
    await page.getByText("The message is not served yet").waitFor();
    const facts = page.locator(".facts");
    for (const words of [
        MADE.good["org.veche.delivery"].sha256,
        "@alice:far.example",
        "Acknowledged",
    ])
        assert.ok((await facts.innerText()).includes(words), words);

    await choose(page, MADE.served);
    await page.getByText("This message is served").waitFor();
    await facts.getByText("§ 41 (2) VwVfG").waitFor();
    await look(page, "verify-delivery");

    for (const [fault, value] of Object.entries(MADE.false)) {
        await choose(page, value);
        await page.getByText(SAID[fault] ?? "?").waitFor();
        assert.equal(await facts.count(), 0, fault);
        await choose(page, MADE.good);
        await facts.waitFor();
    }
    for (const value of MADE.impossible) {
        await choose(page, value);
        await page.getByText(SAID.not_delivery ?? "?").waitFor();
        assert.equal(await facts.count(), 0);
        await choose(page, MADE.good);
        await facts.waitFor();
    }
});
