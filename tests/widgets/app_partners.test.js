/** The app with clients of others, in processes of their own, and with itself on a second device. */
// stage: up
import assert from "node:assert/strict";
import { APP, ask, test, until } from "./harness.js";
import { USUAL } from "./app_account.js";
import { DoorPage } from "./pages/door.js";

/** @typedef {import("playwright-core").Page} Page */

/** What the SDK says while a device has no keys for what was written before it. */
const BEFORE = /Error decrypting event|key backup|requestRoomKey/;
const PASSPHRASE = "three small words";
const TAG = Date.now().toString(36);

/** @param {Page} page @returns {Promise<string>} Matrix id */
const idOf = (page) => page.locator(".me-head p bdi").innerText();

/** @param {Page} page @param {string[]} parts */
const go = (page, ...parts) =>
    page.goto(`${APP}/#/${["chats", ...parts].map(encodeURIComponent).join("/")}`);

/** @param {Page} page @param {string} text */
const message = (page, text) => page.locator("app-message", { hasText: text }).last();

/** @param {Page} page @param {string} text */
async function say(page, text) {
    await page.locator("app-composer textarea").fill(text);
    await page.keyboard.press("Enter");
}

/** @param {Page} page @returns {Promise<string[]>} the emoji without their names */
const pictures = (page) => page.locator(".emoji-picture").allInnerTexts();

/** As pictures of one sign with and without the mark that asks for colour. @param {string[]} all */
const plain = (all) => all.map((one) => one.replaceAll("\uFE0F", "").trim());

/**
 * Somebody with the app, who chats with a person of another client.
 * @param {Page} page
 * @param {string} name
 * @param {string} [kind] of the client; the strictest that the machine has
 */
async function chat(page, name, kind) {
    const door = new DoorPage(page);
    const groups = await door.begin(`${name}${TAG}`);
    await door.visit("#/me");
    const id = await idOf(page);
    const partner = await ask("partner", { name: `partner.of.${name}${TAG}`, kind });
    await go(page, "with", partner.id);
    await page.getByRole("button", { name: "Write" }).click();
    await page.locator("app-composer textarea").waitFor();
    await ask("join", { person: partner.id });
    const room = await page.evaluate(() => decodeURIComponent(location.hash.split("/")[2] ?? ""));
    await say(page, "Hello from the app");
    const read = { person: partner.id, room, text: "Hello from the app" };
    assert.deepEqual(await ask("reads", read), {
        body: "Hello from the app",
        is_encrypted: true,
    });
    await ask("say", { person: partner.id, room, text: "Hello from elsewhere" });
    await message(page, "Hello from elsewhere").waitFor();
    return { id, room, partner, key: groups.join(" ") };
}

/**
 * Compares the emoji of the app with those of another client, and says that they are the same.
 * @param {Page} page
 * @param {string} person of the other client
 * @param {"begin" | "emoji"} step begin: the other client begins to compare
 * @param {string} [done] what the app says in the end
 */
async function compare(page, person, step, done = "Verified. This app warns") {
    const theirs = ask("verification", { person, step });
    if (step === "emoji") await page.getByRole("button", { name: "Compare emoji" }).click();
    await page.locator(".emoji-list").waitFor();
    assert.deepEqual(plain(await pictures(page)), plain(await theirs));
    const confirmed = ask("verification", { person, step: "confirm" });
    await page.getByRole("button", { name: "They are the same" }).click();
    await confirmed;
    await page.getByText(done).waitFor();
}

/** @param {Page} page blank @param {string} name */
async function signIn(page, name) {
    const door = new DoorPage(page);
    await door.visit("#/start/sign-in");
    await door.name.fill(name);
    await door.passphrase.fill(PASSPHRASE);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await door.at("Confirm this device");
}

/**
 * Waits until other people see a device as one of the person's.
 * @param {Page} page of the person
 * @param {string} [device] another one than this
 */
async function signed(page, device) {
    const isSigned = () =>
        page.evaluate(async (wanted) => {
            const main = /** @type {HTMLScriptElement} */ (
                document.querySelector("script[type=module]")
            );
            const { account } = await import(main.src.replace(/main\.js$/, "account/account.js"));
            const { client } = account().opened;
            const one = wanted ?? client.getDeviceId();
            const crypto = client.getCrypto();
            const status = await crypto.getDeviceVerificationStatus(client.getUserId(), one);
            return status.crossSigningVerified;
        }, device);
    await until(isSigned, "the device is signed by its person");
}

test("a client of others and the app read and verify each other, and a second device reads it by the key", async ({
    open,
    expect,
}) => {
    for (const usual of [...USUAL, BEFORE]) expect(usual);
    const { page } = await open();
    const { id, room, partner, key } = await chat(page, "ada");
    if (partner.kind === "rust") {
        await go(page, "verify", partner.id);
        await page.getByRole("button", { name: "Start verifying" }).click();
        await ask("verification", { person: partner.id, step: "answer", user: id });
        await compare(page, partner.id, "emoji");
        await ask("verification", { person: partner.id, step: "verified", user: id });
        await go(page, room);
        await page.locator(".chat-title", { hasText: "Verified" }).waitFor();
    }

    const second = await open();
    await signIn(second.page, `ada${TAG}`);
    await second.page.getByLabel("Recovery key").fill("EsTx wrong");
    await second.page.getByRole("button", { name: "Confirm", exact: true }).click();
    await second.page.getByText("This is not your recovery key.").waitFor();
    await second.page.getByLabel("Recovery key").fill(key);
    await second.page.getByRole("button", { name: "Confirm", exact: true }).click();
    await second.page.locator(".purse-line").waitFor();
    await signed(second.page);
    await go(second.page, room);
    await message(second.page, "Hello from the app").waitFor();
    await message(second.page, "Hello from elsewhere").waitFor();
    await say(second.page, "From my second device");
    const read = { person: partner.id, room, text: "From my second device" };
    assert.equal((await ask("reads", read)).is_encrypted, true);
});

// long
test("a client of others asks to verify, wherever in the app one is", async ({ open, expect }) => {
    for (const usual of USUAL) expect(usual);
    const { page } = await open();
    const { id, partner } = await chat(page, "bea");
    if (partner.kind !== "rust") return;
    await page.goto(`${APP}/#/home`);
    await page.reload(); // Chats was not opened since
    await page.locator(".purse-line").waitFor();
    await ask("verification", { person: partner.id, step: "ask", user: id });
    await page.getByRole("link", { name: "wants to verify you" }).click();
    await page.getByRole("button", { name: "Accept" }).click();
    await page.getByRole("button", { name: "Compare emoji" }).waitFor();
    await compare(page, partner.id, "begin");

    await ask("verification", { person: partner.id, step: "verified", user: id });
});

// long
test("matrix-nio and the app read each other, and it is confirmed as one's own device", async ({
    open,
    expect,
}) => {
    for (const usual of USUAL) expect(usual);
    const { page } = await open();
    const { id } = await chat(page, "cleo", "nio");
    const { device } = await ask("device", { person: id, password: PASSPHRASE });
    await go(page, "verify", id);
    await page.getByRole("button", { name: "Start verifying" }).click();
    await ask("verification", { person: id, step: "answer_falsely", user: id });
    await page.getByRole("button", { name: "Compare emoji" }).click();
    await page.getByText("The verification was cancelled.").waitFor();
    await page.getByRole("button", { name: "Start verifying" }).click();
    await ask("verification", { person: id, step: "answer", user: id });
    await compare(page, id, "emoji", "Confirmed. This device is yours.");

    await ask("verification", { person: id, step: "verified", user: id });
    await signed(page, device);
});

// long
test("a second device is confirmed by emoji from the first, and reads what was before it", async ({
    open,
    expect,
}) => {
    for (const usual of [...USUAL, BEFORE]) expect(usual);
    const first = (await open()).page;
    const { room } = await chat(first, "dora");
    const second = (await open()).page;
    await signIn(second, `dora${TAG}`);
    await second.getByRole("button", { name: "Later" }).click();
    await second.goto(`${APP}/#/me`);
    await second.getByRole("link", { name: "Confirm this device" }).click();
    await second.getByRole("link", { name: "Confirm it by another device instead" }).click();
    await second.getByRole("button", { name: "Start verifying" }).click();
    await first.getByRole("link", { name: "Your other device wants to be confirmed" }).click();
    await first.getByRole("button", { name: "Accept" }).click();
    await second.getByRole("button", { name: "Compare emoji" }).click();
    await second.locator(".emoji-list").waitFor();
    await first.locator(".emoji-list").waitFor();
    assert.deepEqual(await pictures(first), await pictures(second));
    for (const page of [first, second])
        await page.getByRole("button", { name: "They are the same" }).click();
    for (const page of [first, second])
        await page.getByText("Confirmed. This device is yours.").waitFor();

    await signed(second);
    await go(second, room);
    await message(second, "Hello from elsewhere").waitFor();
});
