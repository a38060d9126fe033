/** The wallet as a widget in a client: everything is a message of the person's. */
// stage: pages
import assert from "node:assert/strict";
import { showWidget } from "./client.js";
import { assertAccessible, shoot, test, until } from "./harness.js";
import { ALICE, message } from "./room.js";

const XSS = `<img src=x onerror="document.title='owned'">`;

test("the wallet's widget pays by a message of the person's, and shows what was paid", async ({
    open,
}) => {
    const BANK = "@veche_payments:localhost";
    const paid = {
        body: "Paid",
        "org.veche.receipt": {
            v: 1,
            payee: "bob @bob:localhost",
            amount: { minor: 1250, currency: "EUR" },
            reference: "rent",
            at_ms: 1_764_000_000_000,
        },
    };
    const timeline = [
        message(paid, { sender: BANK }),
        message(
            { ...paid, "org.veche.receipt": { ...paid["org.veche.receipt"], payee: "forged" } },
            { sender: ALICE },
        ),
        message({ ...paid, "org.veche.receipt": { v: 1, payee: XSS } }, { sender: BANK }),
    ];
    const opened = await open();
    const { page } = opened;
    const widget = await showWidget(opened, { path: "/wallet/widget", timeline });
    const { frame } = widget;
    await frame.locator(".rows li").getByText("12.50 EUR").waitFor();
    assert.equal(await frame.getByText("forged").count(), 0);
    assert.equal(await frame.locator(".rows li").count(), 1);

    await frame.getByRole("button", { name: "Pay", exact: true }).click();
    await frame.getByText("Write to whom, in one word, and how much.").waitFor();
    await frame.getByLabel("To whom").fill("two words");
    await frame.getByLabel("How much").fill("5 EUR");
    await frame.getByRole("button", { name: "Pay", exact: true }).click();
    assert.deepEqual(await widget.sent(), []);
    await frame.getByLabel("To whom").fill("bob");
    await frame.getByLabel("What for").fill("tea and cake");
    for (const theme of ["light", "dark", "light-high-contrast", "dark-high-contrast"]) {
        await widget.theme(theme);
        await assertAccessible(page);
        await shoot(page, `wallet-widget-${theme}`);
    }
    await frame.getByRole("button", { name: "Pay", exact: true }).click();
    await frame.getByText("The bot answers in the messages below.").waitFor();
    await frame.getByRole("button", { name: "Balance" }).click();
    await until(async () => (await widget.sent()).length === 2, "two messages");
    assert.deepEqual(await widget.sent(), [
        { msgtype: "m.text", body: "pay bob 5 EUR tea and cake" },
        { msgtype: "m.text", body: "balance" },
    ]);
});
