/** Escrows on the wallet's page: proposed, joined, put aside, decided by two of three. */
// stage: bank
import { withKey } from "./journeys.js";
import { ask, glance, look, test } from "./harness.js";
import { EscrowsPage } from "./pages/wallet.js";

/**
 * Somebody signed in with a key.
 * @param {import("./harness.js").Opened} opened
 * @param {string} person
 */
async function atEscrows(opened, person) {
    await withKey(opened, person);
    return new EscrowsPage(opened.page);
}

// long
test("a deal is proposed, joined, paid in and decided by two of three, all on the page", async ({
    open,
    expect,
}) => {
    expect(/status of 409/); // what is refused
    for (const person of ["georg", "hans"]) await ask("person", { person });
    const frida = await atEscrows(await open(), "frida");
    const georg = await atEscrows(await open(), "georg");
    const hans = await atEscrows(await open(), "hans");

    // What is wrong stands beside its field.
    await frida.visit();
    await frida.page.getByRole("link", { name: "Put money aside for a deal" }).click();
    await frida.page.getByRole("button", { name: "Propose it" }).click();
    await frida.errors.getByText("Write with whom.").waitFor();
    await frida.propose("georg", "100", "bicycle", "georg");
    await frida.errors.getByText("Everybody takes part once").waitFor();
    await look(frida.page, "wallet-escrow-new");
    await frida.propose("georg", "100", "bicycle", "hans");
    await frida.of("bicycle").getByText("Still to agree").waitFor();

    // Both are asked on their pages; then Frida's key puts it aside.
    for (const one of [georg, hans]) {
        await one.wallet.visit();
        await one.page.getByRole("link", { name: /Escrows\s+1 waits for your answer/ }).click();
        const takePart = one.of("bicycle").getByRole("button", { name: /^Take part/ });
        await takePart.click();
        await takePart.waitFor({ state: "detached" });
    }
    const putAside = frida.of("bicycle").getByRole("button", { name: "Put it aside", exact: true });
    await frida.wallet.approve(putAside);
    await frida.of("bicycle").getByText("The money is put aside.").waitFor();
    await frida.of("bicycle").getByText("2 of 3 have to say the same.").waitFor();

    // Georg wants all of it; Frida and Hans share it, each with their key.
    await georg.wallet.approve(georg.of("bicycle").getByRole("button", { name: "All to georg" }));
    await frida.of("bicycle").getByText("All to georg.").waitFor();
    await frida.of("bicycle").getByRole("button", { name: "Share it…" }).click();
    await frida.part.fill("101");
    await frida.goOn.click();
    await frida.errors.getByText("The seller can get 100.00 EUR at most").waitFor();
    await look(frida.page, "wallet-escrow");
    await frida.part.fill("60");
    await frida.goOn.click();
    const split = "60.00 EUR to georg, 40.00 EUR back to frida";
    await frida.wallet.approve(frida.of("bicycle").getByRole("button", { name: split }));
    await hans.of("bicycle").getByText(`${split}.`).waitFor();
    await hans.of("bicycle").getByRole("button", { name: "Share it…" }).click();
    await hans.part.fill("60");
    await hans.goOn.click();
    await hans.wallet.approve(hans.of("bicycle").getByRole("button", { name: split }));
    await georg.of("bicycle").getByText("over", { exact: true }).waitFor();
    await glance(georg.page, "wallet-escrow-over");
    await ask("wait_for", { person: "georg", text: "You were paid out of an escrow" });
});
