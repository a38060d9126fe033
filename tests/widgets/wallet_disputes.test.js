/** Disputes on the wallet's page, from a payment to the decision, by all three who take part. */
// stage: bank
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { STEP_MS_MAX, makeKey, signIn } from "./journeys.js";
import { ask, glance, look, test } from "./harness.js";
import { KeysPage } from "./pages/keys.js";
import { DisputesPage, WalletPage } from "./pages/wallet.js";

const PNG = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(100)]);
const DIGEST = createHash("sha256").update(PNG).digest("hex");

/**
 * Somebody signed in with a key.
 * @param {import("./harness.js").Opened} opened
 * @param {string} person
 */
async function withKey(opened, person) {
    await signIn(opened, person);
    await new KeysPage(opened.page).visit();
    await makeKey(opened.page, person);
    return new DisputesPage(opened.page);
}

/**
 * Alice pays Bob on the page, and stands before the payment.
 * @param {import("playwright-core").Page} page
 * @param {string} amount
 * @param {string} reference
 */
async function pay(page, amount, reference) {
    const wallet = new WalletPage(page);
    await wallet.visit("/wallet/pay");
    await wallet.order("bob", amount, reference);
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
}

test("a payment is disputed in part, answered with a photo, and decided, all on the page", async ({
    open,
    expect,
}) => {
    expect(/status of 409/); // what is refused
    await ask("person", { person: "bob" });
    const alice = await withKey(await open(), "alice");
    const bob = await withKey(await open({ acceptDownloads: true }), "bob");
    const clerk = await withKey(await open(), "clerk");
    await pay(alice.page, "30", "vase");

    // What comes of it is said first; nothing is set aside before the key.
    await alice.page.getByRole("link", { name: "Dispute…" }).click();
    await alice.page.getByText("nothing else of theirs").waitFor();
    await alice.goOn.click();
    await alice.errors.getByText("Write what was wrong.").waitFor();
    await alice.page.getByLabel("A part of it").check();
    await alice.dispute("31", "it arrived broken");
    await alice.errors.getByText("That is more than can still go back").waitFor();
    await look(alice.page, "wallet-dispute");
    await alice.dispute("20", "it arrived broken");
    await alice.card.getByText("Nothing is set aside before you approve it.").waitFor();
    await bob.visit();
    await bob.page.getByText("Nothing is disputed.").waitFor();
    await alice.wallet.approve(alice.page.getByRole("button", { name: "Yes, dispute it" }));
    await alice.card.getByText("bob has until").waitFor();

    // Bob is told at home, sees a photo of Alice's, has the same bytes, and says why not.
    await bob.wallet.visit();
    await bob.page.getByRole("link", { name: "Disputes" }).last().waitFor();
    await bob.page.getByText("1 waits for your answer").waitFor();
    await alice.file.setInputFiles({ name: "vase.png", mimeType: "image/png", buffer: PNG });
    await alice.card.getByText(DIGEST).waitFor();
    await bob.visit();
    await bob.card.getByText(DIGEST).waitFor();
    const [photo] = await Promise.all([
        bob.page.waitForEvent("download"),
        bob.page.getByRole("button", { name: "Download vase.png" }).click(),
    ]);
    assert.deepEqual(await readFile(await photo.path()), PNG);
    await alice.file.setInputFiles({ name: "again.png", mimeType: "image/png", buffer: PNG });
    await alice.errors.getByText("This file is evidence already.").waitFor();
    await look(bob.page, "wallet-disputes");
    await bob.button("Do not give it back").click();
    await bob.words.fill("the post has a receipt of it");
    await bob.button("Do not give it back").click();
    await bob.card.getByText("The institution decides until").waitFor();
    await alice.card.getByText("the post has a receipt of it").waitFor();

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
    await alice.card.getByText("5.00 EUR goes back, 15.00 EUR stays with bob.").waitFor();
    await alice.card.getByText("over", { exact: true }).waitFor();
    await glance(alice.page, "wallet-dispute-over");
    await ask("wait_for", { person: "alice", text: "You got money back" });
    await alice.page.getByRole("link", { name: /^[0-9A-Z]{8}$/ }).click();
    await alice.page.getByRole("link", { name: "See how that stands" }).waitFor();
});

test("who disputed takes it back, and who was paid gives it back with their key", async ({
    open,
}) => {
    await ask("person", { person: "bob" });
    const alice = await withKey(await open(), "alice");
    const bob = await withKey(await open(), "bob");
    for (const reference of ["lamp", "chair"]) {
        await pay(alice.page, "10", reference);
        await alice.page.getByRole("link", { name: "Dispute…" }).click();
        await alice.page.getByLabel("What was wrong?").fill(`no ${reference}`);
        await alice.goOn.click();
        const yes = alice.of(`no ${reference}`).getByRole("button", { name: "Yes, dispute it" });
        await alice.wallet.approve(yes);
        await alice.of(`no ${reference}`).getByText("bob has until").waitFor();
    }
    await alice.of("no lamp").getByRole("button", { name: "Take the dispute back" }).click();
    await alice.page.getByText("you cannot dispute this payment once more").waitFor();
    await alice.of("no lamp").getByRole("button", { name: "Take the dispute back" }).click();
    await alice.of("no lamp").getByText("alice took it back").waitFor();

    await bob.visit();
    const yes = bob.of("no chair").getByRole("button", { name: "Yes, give back 10.00 EUR" });
    await bob.wallet.approve(yes);
    await bob
        .of("no chair")
        .getByText("bob gave 10.00 EUR back.")
        .waitFor({ timeout: STEP_MS_MAX });
    await alice.of("no chair").getByText("bob gave 10.00 EUR back.").waitFor();
});
