// stage: up
import assert from "node:assert/strict";
import { BASE, ask, glance, test } from "./harness.js";
import { begin, makeKey, signIn } from "./journeys.js";
import { AppPage } from "./pages/app.js";
import { CasePage } from "./pages/case.js";
import { KeysPage } from "./pages/keys.js";
import { WalletPage } from "./pages/wallet.js";

const FEE_SERVICE = "land-register-extract";

test("what `./run up` serves can be used: every page opens, every service starts, a key pays a fee", async ({
    open,
}) => {
    const opened = await open();
    const { page } = opened;
    /** @type {string[]} */
    const refused = [];
    page.on("response", (answer) => {
        if (answer.status() >= 400 && answer.status() !== 503)
            refused.push(`${answer.status()} ${answer.url()}`);
    });
    await signIn(opened, "alice");
    const at = new AppPage(page);
    for (const path of await ask("paths", {})) {
        await page.goto(BASE + path);
        await at.heading.first().waitFor();
        assert.equal(await at.alert.count(), 0, `${path}: ${await at.alert.allInnerTexts()}`);
    }
    assert.deepEqual(refused, []);

    const { offices } = await (await fetch(`${BASE}/_veche/agency/v1/catalogue?lang=en`)).json();
    const services = offices.flatMap((/** @type {any} */ one) => one.services);
    assert.equal(services.length, 4);
    let feeCase = "";
    for (const { service, title } of services) {
        await begin(page, title);
        if (service === FEE_SERVICE) feeCase = page.url();
    }

    await page.goto(feeCase);
    const one = new CasePage(page);
    await one.form.getByRole("textbox").first().fill("117/4");
    await one.form.getByLabel("It is mine").check();
    await one.send.click();
    const pay = page.getByRole("link", { name: "Pay 12.00 EUR" });
    await pay.waitFor();
    await pay.click();
    await page.getByText("Extract from the land register").first().waitFor();
    await page.getByText("12.00 EUR").first().waitFor();
    await glance(page, "up-pay");
    const payUrl = page.url();

    await new KeysPage(page).visit();
    await makeKey(page, "alice");
    await page.goto(payUrl);
    const wallet = new WalletPage(page);
    await wallet.payThis.click();
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    const { body } = await ask("told_by_bank", { person: "alice", text: "Paid" });
    assert.match(body, /12\.00 EUR/);
    await page.goto(feeCase);
    await one.state.getByText("submitted, waits for the office").waitFor();
    assert.deepEqual(refused, []);
});
