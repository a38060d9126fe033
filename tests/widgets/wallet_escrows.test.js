/** Escrows on the wallet's page: proposed, joined, put aside, decided by two of three. */
// stage: bank
import { makeKey, signIn } from "./journeys.js";
import { ask, glance, look, test } from "./harness.js";
import { KeysPage } from "./pages/keys.js";
import { EscrowsPage } from "./pages/wallet.js";

/**
 * Somebody signed in with a key.
 * @param {import("./harness.js").Opened} opened
 * @param {string} person
 */
async function withKey(opened, person) {
    await signIn(opened, person);
    await new KeysPage(opened.page).visit();
    await makeKey(opened.page, person);
    return new EscrowsPage(opened.page);
}

test("a deal is proposed, joined, paid in and decided by two of three, all on the page", async ({
    open,
    expect,
}) => {
    expect(/status of 409/); // what is refused
    for (const person of ["bob", "carol"]) await ask("person", { person });
    const alice = await withKey(await open(), "alice");
    const bob = await withKey(await open(), "bob");
    const carol = await withKey(await open(), "carol");

    // What is wrong stands beside its field.
    await alice.visit();
    await alice.page.getByRole("link", { name: "Put money aside for a deal" }).click();
    await alice.page.getByRole("button", { name: "Propose it" }).click();
    await alice.errors.getByText("Write with whom.").waitFor();
    await alice.propose("bob", "100", "bicycle", "bob");
    await alice.errors.getByText("Everybody takes part once").waitFor();
    await look(alice.page, "wallet-escrow-new");
    await alice.propose("bob", "100", "bicycle", "carol");
    await alice.of("bicycle").getByText("Still to agree").waitFor();

    // Both are asked on their pages; then Alice's key puts it aside.
    for (const one of [bob, carol]) {
        await one.wallet.visit();
        await one.page.getByRole("link", { name: /Escrows\s+1 waits for your answer/ }).click();
        const takePart = one.of("bicycle").getByRole("button", { name: /^Take part/ });
        await takePart.click();
        await takePart.waitFor({ state: "detached" });
    }
    const putAside = alice.of("bicycle").getByRole("button", { name: "Put it aside", exact: true });
    await alice.wallet.approve(putAside);
    await alice.of("bicycle").getByText("The money is put aside.").waitFor();
    await alice.of("bicycle").getByText("2 of 3 have to say the same.").waitFor();

    // Bob wants all of it; Alice and Carol share it, each with their key.
    await bob.wallet.approve(bob.of("bicycle").getByRole("button", { name: "All to bob" }));
    await alice.of("bicycle").getByText("All to bob.").waitFor();
    await alice.of("bicycle").getByRole("button", { name: "Share it…" }).click();
    await alice.part.fill("101");
    await alice.goOn.click();
    await alice.errors.getByText("The seller can get 100.00 EUR at most").waitFor();
    await look(alice.page, "wallet-escrow");
    await alice.part.fill("60");
    await alice.goOn.click();
    const split = "60.00 EUR to bob, 40.00 EUR back to alice";
    await alice.wallet.approve(alice.of("bicycle").getByRole("button", { name: split }));
    await carol.of("bicycle").getByText(`${split}.`).waitFor();
    await carol.of("bicycle").getByRole("button", { name: "Share it…" }).click();
    await carol.part.fill("60");
    await carol.goOn.click();
    await carol.wallet.approve(carol.of("bicycle").getByRole("button", { name: split }));
    await bob.of("bicycle").getByText("over", { exact: true }).waitFor();
    await glance(bob.page, "wallet-escrow-over");
    await ask("wait_for", { person: "bob", text: "You were paid out of an escrow" });
});
