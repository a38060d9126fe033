// stage: house
import assert from "node:assert/strict";
import { BASE, addAuthenticator, ask, glance, lookAtAll, test } from "./harness.js";
import { signedIn, withKey } from "./journeys.js";
import { ApprovePage } from "./pages/approve.js";
import { KeysPage } from "./pages/keys.js";

/** @typedef {import("./harness.js").Stage} Stage */

/**
 * Somebody with a session from their chat, on the page of their keys.
 * @param {Stage["open"]} open
 * @param {string} person
 * @param {{passkeys?: boolean, fragment?: string, hasKey?: boolean}} [options]
 */
async function atKeys(open, person, { passkeys = false, fragment = "", hasKey = false } = {}) {
    const opened = await open({ reducedMotion: "reduce" });
    const { page } = opened;
    if (passkeys) await addAuthenticator(page);
    await (hasKey ? withKey(opened, person) : signedIn(opened, person));
    const keys = new KeysPage(page);
    await keys.visit(fragment);
    await (hasKey ? keys.revoke : keys.make).waitFor();
    return { ...opened, keys };
}

/** @param {KeysPage} keys @param {string} person @param {{isPasskey?: boolean}} [options] */
async function makeKey(keys, person, { isPasskey = false } = {}) {
    await keys.make.click();
    if (!isPasskey && (await keys.browserKey.isVisible())) await keys.browserKey.check();
    await keys.makeKey.click();
    const words = await keys.words.innerText();
    const { code, body } = await ask("code", { person, text: words.split(" ")[0] });
    await keys.code.fill(code);
    await keys.made.waitFor();
    return { words, body };
}

/** @param {KeysPage} keys @param {string} amount @returns {Promise<ApprovePage>} in a tab of its own */
async function askRaise(keys, amount) {
    await keys.limit.fill(amount);
    await keys.setLimit.click();
    const popup = keys.page.waitForEvent("popup");
    await keys.page.getByRole("button", { name: "Approve with my key" }).click();
    return new ApprovePage(await popup);
}

test("a key of the browser is made with a code from the chat, and approves", async ({ open }) => {
    const { keys, page } = await atKeys(open, "hanna");
    await glance(page, "keys-none");
    const { words, body } = await makeKey(keys, "hanna");
    assert.ok(body.includes(words), body);
    await keys.log.filter({ hasText: "Chrome on Linux" }).first().waitFor();
    await lookAtAll(page, "keys-made");

    await page.reload();
    await keys.keys.getByText("This device").waitFor();
    assert.equal(await keys.make.count(), 0);

    const approve = await askRaise(keys, "35.50");
    await approve.hero.waitFor();
    await glance(approve.page, "approve-mandate");
    assert.match((await approve.shown()).map(String).join("\n"), /35\.50 EUR a day/);
    await approve.yes.click();
    await approve.page.getByRole("heading", { name: "Approved" }).waitFor();
    await glance(approve.page, "approve-done");
    await approve.close();
    await page.getByText("Up to 35.50 EUR a day from").waitFor();
    assert.equal(await page.getByRole("button", { name: "Approve with my key" }).count(), 0);
});

test("a passkey is made and approves, and what is done stays done in another tab", async ({
    open,
}) => {
    const { keys, page } = await atKeys(open, "ivan", { passkeys: true });
    await makeKey(keys, "ivan", { isPasskey: true });
    await keys.keys.getByText("Passkey").waitFor();
    await keys.limit.fill("10");
    await keys.setLimit.click();
    await page.getByRole("button", { name: "Approve with my key" }).waitFor();
    const popup = page.waitForEvent("popup");
    await page.getByRole("button", { name: "Approve with my key" }).click();
    const first = new ApprovePage(await popup);
    await first.hero.waitFor();
    const address = first.page.url();
    await first.page.close();
    // In the tab whose authenticator it is, and once more beside it.
    const beside = new ApprovePage(await page.context().newPage());
    await beside.page.goto(address);
    await beside.hero.waitFor();
    await page.goto(address);
    const approve = new ApprovePage(page);
    await approve.yes.click();
    await approve.page.getByRole("heading", { name: "Approved" }).waitFor();

    await addAuthenticator(beside.page);
    await beside.no.click();
    await beside.page
        .getByText("This is approved already")
        .or(beside.alert.locator("p"))
        .first()
        .waitFor();
    await page.reload();
    await page.getByText("This is approved already").waitFor();
    await page.goBack();
    await keys.keys.first().waitFor();
    await page.goForward();
    await page.getByText("This is approved already").waitFor();
});

test("wrong codes burn an enrolment, and a reload before that loses nothing", async ({
    open,
    expect,
}) => {
    expect(/status of 409/);
    const { keys, page } = await atKeys(open, "jana");
    await keys.make.click();
    await glance(page, "keys-making");
    await keys.makeKey.click();
    const words = await keys.words.innerText();
    await glance(page, "keys-code");
    const { code } = await ask("code", { person: "jana", text: words.split(" ")[0] });
    await page.reload();
    assert.equal(await keys.words.innerText(), words);
    const wrong = code === "000000" ? "111111" : "000000";
    for (let tries = 0; tries < 2; tries += 1) {
        await keys.code.fill(wrong);
        await keys.error.filter({ hasText: "This is not the code" }).waitFor();
        await page.waitForFunction(
            () => !document.querySelector("#key-code")?.hasAttribute("readonly"),
        );
    }
    await keys.code.fill(wrong);
    await keys.make.or(keys.makeKey).waitFor();
    assert.equal(await keys.keys.count(), 0);
});

test("a key that was revoked approves nothing, and is gone from its browser", async ({ open }) => {
    const { keys, page } = await atKeys(open, "karl", { hasKey: true });
    const approve = await askRaise(keys, "20");
    await approve.hero.waitFor();
    await keys.revoke.click();
    await glance(page, "keys-revoke");
    await keys.dialog.getByRole("button", { name: "Revoke" }).click();
    await page.getByText("is revoked. It approves nothing any more.").waitFor();
    await keys.make.waitFor();
    await approve.page.reload();
    await approve.page.getByText("This device has no key of yours").waitFor();

    assert.equal(await approve.page.getByRole("button", { name: "Allow" }).count(), 0);
});

test("saying no is signed too, and final", async ({ open }) => {
    const { keys } = await atKeys(open, "lena", { hasKey: true });
    const approve = await askRaise(keys, "20");
    await approve.no.click();
    await approve.page.getByRole("heading", { name: "Declined" }).waitFor();
    await approve.page.reload();
    await approve.page.getByRole("heading", { name: "Declined" }).waitFor();
    await keys.visit();
    await keys.limit.waitFor();

    assert.equal(await keys.page.getByText("Up to 20.00 EUR a day from").count(), 0);
});

test("one sees where one is signed in, and signs out there and everywhere", async ({
    open,
    expect,
}) => {
    expect(/status of 401/);
    const one = await atKeys(open, "mia");
    const two = await atKeys(open, "mia");
    await one.keys.visit();
    await one.page.waitForFunction(() => document.querySelectorAll("li.session").length === 2);
    const other = one.keys.sessions.filter({ hasNotText: "This one" });
    await other.getByRole("button", { name: /^Sign out/ }).click();
    await one.page.waitForFunction(() => document.querySelectorAll("li.session").length === 1);
    await two.keys.visit();
    await two.page.getByText("Your session is over").waitFor();
    await one.page.getByRole("button", { name: "Sign out everywhere" }).click();
    await one.page.getByText("Your session is over").waitFor();
});

test("whoever has no key comes back to what they wanted to approve, also if the browser asks about storage, and is not answered", async ({
    open,
}) => {
    const back = `/approve#${"a".repeat(32)}`;
    const { keys, page } = await atKeys(open, "nora", {
        fragment: `#return=${encodeURIComponent(back)}`,
    });
    await page.evaluate(() => {
        navigator.storage.persist = () => new Promise(() => {}); // as in Firefox
    });
    await makeKey(keys, "nora");
    const link = page.getByRole("link", { name: "Go on approving" });

    assert.equal(await link.getAttribute("href"), back);
    assert.ok(page.url().startsWith(`${BASE}/keys`));
});
