// stage: up
import assert from "node:assert/strict";
import { APP, assertAccessible, glance, test } from "./harness.js";
import { USUAL } from "./app_account.js";
import { Hand, SERVICE, fromAddressToAnswer, makeKey, pay } from "./app_journey.js";

const PHONE = { viewport: { width: 390, height: 844 } };

test("a stranger with nothing but the address is answered by an office, makes a key and pays", async ({
    open,
    expect,
}) => {
    for (const usual of USUAL) expect(usual);
    const { page } = await open(PHONE);
    const asking = new Hand();
    await fromAddressToAnswer(page, `story${Date.now().toString(36)}`, asking);
    assert.ok(asking.taps <= 12, `${asking.taps} presses until the first answer`);
    await page.getByRole("heading", { name: SERVICE }).first().waitFor();
    await glance(page, "app-case");
    await assertAccessible(page);

    await page.goto(`${APP}/#/chats`);
    await page.locator(".chat-row").first().click();
    await page.locator(".messages li", { hasText: "Name of the child" }).first().waitFor();
    await glance(page, "app-chat");
    await assertAccessible(page);

    await page.goto(`${APP}/#/home`);
    await makeKey(page, new Hand());
    const paying = new Hand();
    await pay(page, "bob", "5", paying);
    assert.ok(paying.taps <= 8, `${paying.taps} presses to pay`);
    await glance(page, "app-paid");
    await assertAccessible(page);
});
