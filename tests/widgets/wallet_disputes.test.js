/** Disputes on the wallet's page, from a payment to the decision, by all three who take part. */
// stage: bank
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { withKey } from "./journeys.js";
import { ask, glance, look, test } from "./harness.js";
import { DisputesPage, WalletPage } from "./pages/wallet.js";

const PNG = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(100)]);
const DIGEST = createHash("sha256").update(PNG).digest("hex");

/**
 * Somebody signed in with a key.
 * @param {import("./harness.js").Opened} opened
 * @param {string} person
 */
async function atDisputes(opened, person) {
    await withKey(opened, person);
    return new DisputesPage(opened.page);
}

/**
 * Dora pays Emil on the page, and stands before the payment.
 * @param {import("playwright-core").Page} page
 * @param {string} amount
 * @param {string} reference
 */
async function pay(page, amount, reference) {
    const wallet = new WalletPage(page);
    await wallet.visit("/wallet/pay");
    await wallet.order("emil", amount, reference);
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
}

test("a payment is disputed in part, answered with a photo, and decided, all on the page", async ({
    open,
    expect,
}) => {
    expect(/status of 409/); // what is refused
    await ask("person", { person: "emil" });
    const dora = await atDisputes(await open(), "dora");
    const emil = await atDisputes(await open({ acceptDownloads: true }), "emil");
    const clerk = await atDisputes(await open(), "clerk");
    await pay(dora.page, "30", "vase");

    // What comes of it is said first; nothing is set aside before the key.
    await dora.page.getByRole("link", { name: "Dispute…" }).click();
    await dora.page.getByText("nothing else of theirs").waitFor();
    await dora.goOn.click();
    await dora.errors.getByText("Write what was wrong.").waitFor();
    await dora.page.getByLabel("A part of it").check();
    await dora.dispute("31", "it arrived broken");
    await dora.errors.getByText("That is more than can still go back").waitFor();
    await look(dora.page, "wallet-dispute");
    await dora.dispute("20", "it arrived broken");
    await dora.card.getByText("Nothing is set aside before you approve it.").waitFor();
    await emil.visit();
    await emil.page.getByText("Nothing is disputed.").waitFor();
    await dora.wallet.approve(dora.page.getByRole("button", { name: "Yes, dispute it" }));
    await dora.card.getByText("emil has until").waitFor();

    // Emil is told at home, sees a photo of Dora's, has the same bytes, and says why not.
    await emil.wallet.visit();
    await emil.page.getByRole("link", { name: "Disputes" }).last().waitFor();
    await emil.page.getByText("1 waits for your answer").waitFor();
    await dora.file.setInputFiles({ name: "vase.png", mimeType: "image/png", buffer: PNG });
    await dora.card.getByText(DIGEST).waitFor();
    await emil.visit();
    await emil.card.getByText(DIGEST).waitFor();
    const [photo] = await Promise.all([
        emil.page.waitForEvent("download"),
        emil.page.getByRole("button", { name: "Download vase.png" }).click(),
    ]);
    assert.deepEqual(await readFile(await photo.path()), PNG);
    await dora.file.setInputFiles({ name: "again.png", mimeType: "image/png", buffer: PNG });
    await dora.errors.getByText("This file is evidence already.").waitFor();
    await look(emil.page, "wallet-disputes");
    await emil.button("Do not give it back").click();
    await emil.words.fill("the post has a receipt of it");
    await emil.button("Do not give it back").click();
    await emil.card.getByText("The institution decides until").waitFor();
    await dora.card.getByText("the post has a receipt of it").waitFor();

    // The clerk decides with their key, and the chat says so too.
    await clerk.visit();
    await clerk.button("Decide").click();
    await clerk.amount.fill("21");
    await clerk.words.fill("the lid alone was broken");
    await clerk.goOn.click();
    await clerk.errors.getByText("That is more than can still go back").waitFor();
    await clerk.amount.fill("5");
    await clerk.goOn.click();
    await clerk.wallet.approve(clerk.button("Decide so"));
    await clerk.page.getByText("Nothing is disputed.").waitFor();
    await dora.card.getByText("5.00 EUR goes back, 15.00 EUR stays with emil.").waitFor();
    await dora.card.getByText("over", { exact: true }).waitFor();
    await glance(dora.page, "wallet-dispute-over");
    await ask("wait_for", { person: "dora", text: "You got money back" });
    await dora.page.getByRole("link", { name: /^[0-9A-Z]{8}$/ }).click();
    await dora.page.getByRole("link", { name: "See how that stands" }).waitFor();
});

// long
test("who disputed takes it back, and who was paid gives it back with their key", async ({
    open,
}) => {
    await ask("person", { person: "emil" });
    const dora = await atDisputes(await open(), "dora");
    const emil = await atDisputes(await open(), "emil");
    for (const reference of ["lamp", "chair"]) {
        await pay(dora.page, "10", reference);
        await dora.page.getByRole("link", { name: "Dispute…" }).click();
        await dora.page.getByLabel("What was wrong?").fill(`no ${reference}`);
        await dora.goOn.click();
        const yes = dora.of(`no ${reference}`).getByRole("button", { name: "Yes, dispute it" });
        await dora.wallet.approve(yes);
        await dora.of(`no ${reference}`).getByText("emil has until").waitFor();
    }
    await dora.of("no lamp").getByRole("button", { name: "Take the dispute back" }).click();
    await dora.page.getByText("you cannot dispute this payment once more").waitFor();
    await dora.of("no lamp").getByRole("button", { name: "Take the dispute back" }).click();
    await dora.of("no lamp").getByText("dora took it back").waitFor();

    await emil.visit();
    const yes = emil.of("no chair").getByRole("button", { name: "Yes, give back 10.00 EUR" });
    await emil.wallet.approve(yes);
    await emil.of("no chair").getByText("emil gave 10.00 EUR back.").waitFor();
    await dora.of("no chair").getByText("emil gave 10.00 EUR back.").waitFor();
});
