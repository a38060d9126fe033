// stage: up
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { filesOf } from "./app_account.js";
import { APP, assertAccessible, glance, test, until } from "./harness.js";
import { choose, message, write as say } from "./pages/chat.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("./harness.js").Opened} Opened */
/** @typedef {{page: Page, id: string, homeserver: string}} Member */

/** Answers of the homeserver that belong to signing up, and to a network that is switched off. */
const EXPECTED =
    /rror decrypting event|matrix_sdk_crypto|status of 40[134]|ERR_INTERNET_DISCONNECTED|ERR_FAILED|fetch failed|Failed to fetch|\/members\?/;
/** A browser says what it does not run. */
const NOT_RUN = /Content Security Policy/;

let count = 0;

/**
 * An account with an identity, made by the app's own modules; the place Chats is open.
 * @param {Opened} opened
 * @param {string} name
 * @returns {Promise<Member>}
 */
async function member({ page }, name) {
    await page.goto(`${APP}/#/town`);
    count += 1;
    const username = `${name}${Date.now().toString(36)}${count}`;
    const made = await page.evaluate(async (/** @type {string} */ wanted) => {
        const main = /** @type {HTMLScriptElement} */ (
            document.querySelector("script[type=module]")
        );
        const base = main.src.replace(/app\/main\.js$/, "app/");
        const [{ makeAccount, account }, { protect }, { site }] = await Promise.all([
            import(`${base}account/account.js`),
            import(`${base}client/identity.js`),
            import(`${base}site.js`),
        ]);
        const { homeserver_url: homeserver } = await site();
        await makeAccount(homeserver, { username: wanted, password: `pass phrase of ${wanted}` });
        await protect(account().opened);
        /** @type {any} */ (window).app = { base, client: account().opened.client };
        return { homeserver, id: account().session.userId };
    }, username);
    await page.goto(`${APP}/#/chats`);
    await page.locator("app-chats .chat-list").waitFor();
    return { page, ...made };
}

/** @param {Page} page @param {string[]} parts */
const go = (page, ...parts) =>
    page.goto(`${APP}/#/${["chats", ...parts].map(encodeURIComponent).join("/")}`);

/** @param {Opened} opened @returns {{url: string, body: string}[]} what its pages ask, from now on */
function requestsOf({ context }) {
    /** @type {{url: string, body: string}[]} */
    const asked = [];
    context.on("request", (request) =>
        asked.push({ url: request.url(), body: request.postDataBuffer()?.toString() ?? "" }),
    );
    return asked;
}

/**
 * Red line R12: nobody looks through what people write, so it goes to nobody in clear.
 * @param {{url: string, body: string}[]} asked
 * @param {string[]} origins that may be asked
 * @param {string[]} typed in encrypted chats
 */
function assertNothingTold(asked, origins, typed) {
    const hosts = new Set(asked.map(({ url }) => new URL(url).origin));
    const others = [...hosts].filter((one) => one !== "null" && !origins.includes(one));
    assert.deepEqual(others, [], "others are asked");
    const told = asked.filter(({ url, body }) =>
        typed.some((words) => body.includes(words) || decodeURIComponent(url).includes(words)),
    );
    assert.ok(
        asked.some(({ body }) => body.includes("m.room.encrypted") || body.includes("ciphertext")),
    );
    assert.deepEqual(told, [], "what was typed is sent in clear");
}

/** @param {Page} page */
const pictures = (page) => page.locator(".emoji-list").innerText();

/** @param {Page} page @returns {Promise<string>} */
const roomOf = (page) => page.evaluate(() => decodeURIComponent(location.hash.split("/")[2] ?? ""));

/** @param {Member} from @param {Member} to @returns {Promise<string>} their room, in which both are */
async function befriend(from, to) {
    await go(from.page, "with", to.id);
    await from.page.getByRole("button", { name: "Write" }).click();
    await from.page.locator("app-composer textarea").waitFor();
    await to.page.locator(".requests-row").click();
    await to.page.locator(".pane .chat-row").click();
    await to.page.getByRole("button", { name: "Accept" }).click();
    await to.page.locator("app-composer textarea").waitFor();
    return roomOf(from.page);
}

/**
 * The homeserver is away while more is written than one of its answers brings: what waits here is
 * sent all the same.
 * @param {Member} ann
 * @param {Member} ben
 * @param {string} room
 */
async function missesMuch(ann, ben, room) {
    const context = ann.page.context();
    await context.route(`${ann.homeserver}/**`, (route) => route.abort());
    await say(ann.page, "written in a gap");
    await ann.page.getByText("Not sent.").waitFor();
    await ben.page.evaluate(async (id) => {
        const { client } = /** @type {any} */ (window).app;
        for (let n = 0; n < 35; n += 1)
            await client.sendMessage(id, { msgtype: "m.text", body: `meanwhile ${n}` });
    }, room);
    await context.unroute(`${ann.homeserver}/**`);
    await message(ben.page, "written in a gap").waitFor();
    await message(ann.page, "meanwhile 34").waitFor();
    await message(ann.page, "written in a gap").waitFor();
}

/**
 * A device that is signed in, and that its owner has not confirmed: a homeserver can add such.
 * @param {Opened} opened
 * @param {string} id of its owner
 */
async function unconfirmed({ page }, id) {
    const name = id.slice(1).split(":")[0] ?? "";
    await page.goto(`${APP}/#/start/sign-in`);
    await page.locator("#username").fill(name);
    await page.locator("#password").fill(`pass phrase of ${name}`);
    await page.getByRole("button", { name: "Sign in" }).first().click();
    await page.getByRole("button", { name: "Later" }).click();
    return page;
}

/** Whether the app of one has heard of two devices of another. @param {Member} one @param {Member} other */
const knowsBoth = (one, other) =>
    one.page.evaluate(async (id) => {
        const crypto = /** @type {any} */ (window).app.client.getCrypto();
        return (await crypto.getUserDeviceInfo([id])).get(id)?.size === 2;
    }, other.id);

/**
 * Somebody who invites, and sends what no client would.
 * @param {Opened} opened
 * @param {string} invited
 */
async function stranger(opened, invited) {
    const { page } = await member(opened, "mallory");
    const call = async (/** @type {string} */ path, /** @type {unknown} */ body, method = "POST") =>
        page.evaluate(async ([at, sent, how]) => {
            const { client } = /** @type {any} */ (window).app;
            return client.http.authedRequest(how, at, undefined, sent);
        }, /** @type {const} */ ([path, body, method]));
    const own = await page.evaluate(() => /** @type {any} */ (window).app.client.getUserId());
    const displayname = "مالوري\u2069\u202e moc.live";
    await call(`/profile/${encodeURIComponent(own)}/displayname`, { displayname }, "PUT");
    const { room_id } = await call("/createRoom", {
        name: "<svg onload=alert(1)>",
        preset: "private_chat",
        invite: [invited],
    });
    let txn = 0;
    const send = (/** @type {unknown} */ content, type = "m.room.message") =>
        call(`/rooms/${encodeURIComponent(room_id)}/send/${type}/t${(txn += 1)}`, content, "PUT");
    return { room_id, send };
}

/**
 * A group is made and left, in which somebody was invited for a while who is here already.
 * @param {Page} page of somebody without chats
 * @param {string} id of who is invited
 */
async function groupIsLeft(page, id) {
    await go(page, "group");
    await page.getByLabel("Name of the group").fill("Choir");
    await page.getByLabel("People").fill(id);
    await page.getByRole("button", { name: "Make the group" }).click();
    await page.locator("app-composer textarea").waitFor();
    await go(page, await roomOf(page), "info");
    await page.getByText("1 member", { exact: true }).waitFor();
    await page.locator(".member-row", { hasText: `Invited · ${id}` }).waitFor();
    await assertAccessible(page);
    await glance(page, "app-group");
    await page.getByRole("button", { name: "Take back" }).click();
    await page.getByText("was taken back").waitFor();
    await page.locator(".member-row", { hasText: id }).waitFor({ state: "detached" });
    await page.getByLabel("Name of the group").fill("Small choir");
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await page.locator(".person-name", { hasText: "Small choir" }).waitFor();

    await page.getByRole("button", { name: "Leave this chat" }).click();
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await page.getByText("There are no chats here yet.").waitFor();
}

test("a group is made and left, two strangers meet, write, correct and send a photo, and nothing that was typed is lost", async ({
    open,
    expect,
}) => {
    expect(EXPECTED);
    const opened = await open({ viewport: { width: 390, height: 844 } });
    const asked = requestsOf(opened);
    const ann = await member(opened, "ann");
    await groupIsLeft(ann.page, ann.id.replace(/^.*?:/, "@alice:"));
    const ben = await member(await open({ viewport: { width: 1280, height: 800 } }), "ben");
    const room = await befriend(ann, ben);

    await say(ann.page, "Hello Ben");
    await message(ben.page, "Hello Ben").waitFor();
    await say(ben.page, "مرحبا");
    await message(ann.page, "مرحبا").waitFor();
    await choose(ann.page, "مرحبا", "Reply");
    await say(ann.page, "A reply");
    await ben.page.locator(".quote", { hasText: "مرحبا" }).waitFor();
    await choose(ben.page, "A reply", "👍");
    await ann.page.locator(".reaction", { hasText: "👍" }).waitFor();
    await choose(ann.page, "Hello Ben", "Edit");
    await say(ann.page, "Hello Benjamin");
    await message(ben.page, "Hello Benjamin").getByText("edited").waitFor();
    await choose(ann.page, "A reply", "Delete for everyone");
    await message(ben.page, "This message was removed.").waitFor();

    const png = await ann.page.evaluate(async () => {
        const canvas = new OffscreenCanvas(1200, 900);
        canvas.getContext("2d")?.fillRect(0, 0, 600, 900);
        return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    });
    const file = { name: "hill.png", mimeType: "image/png", buffer: Buffer.from(png) };
    await ann.page.locator("app-composer input[type=file]").setInputFiles(file);
    await ben.page.locator("img.picture").waitFor();
    assert.equal(await ben.page.locator("img.picture").getAttribute("alt"), "Photo: hill.png");

    await opened.context.setOffline(true);
    await say(ann.page, "written without a network");
    await ann.page.getByText("Not sent.").waitFor();
    await opened.context.setOffline(false);
    await message(ben.page, "written without a network").waitFor();

    await ann.page.locator("app-composer textarea").fill("a draft");
    await go(ann.page);
    await ann.page.locator(".chat-row").click();
    await ann.page.waitForFunction(
        () =>
            document.querySelector(/** @type {"textarea"} */ ("app-composer textarea"))?.value ===
            "a draft",
    );
    await go(ann.page);
    await ann.page.getByLabel("Search chats and messages").fill("benjamin");
    await ann.page.locator(".hits .chat-row", { hasText: "Hello Benjamin" }).waitFor();

    const other = await unconfirmed(await open(), ben.id);
    await go(other, room);
    await go(ann.page, room);
    await until(() => knowsBoth(ann, ben), "the other device of Ben");
    await say(ann.page, "for confirmed devices");
    await message(ben.page, "for confirmed devices").waitFor();
    await other.getByText("The sender did not share this message with this device.").waitFor();

    await go(ben.page, room);
    await assertAccessible(ben.page);
    await glance(ann.page, "app-chats");
    await go(ann.page, room);
    await missesMuch(ann, ben, room);
    assertNothingTold(asked, [APP, ann.homeserver], ["Hello Ben", "A reply", "a draft", "enjamin"]);
});

// long
test("people verify each other by emoji", async ({ open, expect }) => {
    expect(EXPECTED);
    const ann = await member(await open(), "ann");
    const ben = await member(await open(), "ben");
    const room = await befriend(ann, ben);
    await say(ann.page, "Hello");
    await message(ben.page, "Hello").waitFor();

    await go(ann.page, "verify", ben.id);
    await ann.page.getByRole("button", { name: "Start verifying" }).click();
    await ben.page.locator(".notes a", { hasText: "wants to verify you" }).click();
    await ben.page.getByRole("button", { name: "Accept" }).click();
    await ann.page.getByRole("img", { name: "Your QR code for verifying" }).waitFor();
    await ann.page.getByRole("button", { name: "Compare emoji" }).click();
    assert.equal(await pictures(ann.page), await pictures(ben.page));
    for (const { page } of [ann, ben])
        await page.getByRole("button", { name: "They are the same" }).click();
    for (const { page } of [ann, ben]) await page.getByText("Verified. This app warns").waitFor();
    await go(ann.page, room);

    await ann.page.locator(".chat-title", { hasText: "Verified" }).waitFor();
});

test("what a stranger sends runs nothing, looks like nobody else, and freezes nothing", async ({
    open,
    expect,
}) => {
    expect(EXPECTED);
    expect(NOT_RUN);
    expect(/Error decrypting event/);
    const ann = await member(await open({ viewport: { width: 390, height: 844 } }), "ann");
    const { page } = ann;
    const { room_id, send } = await stranger(await open(), ann.id);
    await page.locator(".requests-row").click();
    await page.getByText("<svg onload=alert(1)>").first().waitFor();
    await page.locator(".pane .chat-row").click();
    const asked = await page.getByRole("heading", { name: "invites you to this chat" }).innerText();
    assert.equal(asked, "\u2068مالوري moc.live\u2069 invites you to this chat");
    await page.getByRole("button", { name: "Accept" }).click();
    await page.locator("app-composer textarea").waitFor();

    await send({ msgtype: "m.text", body: "a needle of long ago" });
    await send({
        msgtype: "m.text",
        body: "x",
        format: "org.matrix.custom.html",
        formatted_body:
            '<p style="color:red" onclick="alert(1)">A <b>bold</b><script>alert(1)</script>' +
            '<img src="https://example.org/x.png"><a href="javascript:alert(1)">word</a></p>',
    });
    await page.locator("app-html b").waitFor();
    assert.equal(
        await page.locator("app-html").innerHTML(),
        '<p>A <b>bold</b><a target="_blank" rel="noopener noreferrer">word</a></p>',
    );

    const prompt = {
        ...{ v: 1, id: "01JDZZZZZZZZZZZZZZZZZZZZZZ", scope: [ann.id] },
        ...{ expires_at_ms: 9_000_000_000_000, choices: [{ id: "yes", label: "Yes" }] },
    };
    const pay = { msgtype: "m.text", body: "Pay 100.00 EUR?\n\n1. Yes" };
    // What the app does where no server looks: `app_hostile.test.js`.
    await assert.rejects(
        send({ ...pay, "org.veche.prompt": prompt }),
        /only an account in a trusted directory may send that/,
    );
    await send(pay);
    await message(page, "Pay 100.00 EUR?").waitFor();
    assert.equal(await page.locator("app-prompt, veche-prompt").count(), 0);

    await send({ msgtype: "m.text", body: "long ".repeat(12_000) });
    await page.getByRole("button", { name: "Show the whole message" }).waitFor();
    await send({
        msgtype: "m.image",
        body: "broken.png",
        file: { v: "v2", url: "mxc://example.org/nothing", key: {}, iv: "x", hashes: {} },
        info: { w: -5, h: "x" },
    });
    await page.getByText("This file can't be opened.").waitFor();
    const secret = { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "AwgA", session_id: "none" };
    await send({ ...secret, sender_key: "none", device_id: "NONE" }, "m.room.encrypted");
    await page.getByText("The key for this message has not arrived yet.").waitFor();

    await showMany(page, room_id);
    await flood(page, room_id, send);
    await go(page);
    for (const body of ["مرحبا 5 (hello) 3!\nand English 5 שלום.", "שלום, 12 EUR.", "plain"])
        await send({ msgtype: "m.text", body });
    await go(page, room_id);
    await turnsNothing(page);
    await findOlder(page);
});

/** @param {Page} page @param {string} room_id */
async function showMany(page, room_id) {
    const joined = Object.fromEntries(
        Array.from({ length: 50_000 }, (_, index) => [
            `@u${index}:example.org`,
            { display_name: `User ${index}` },
        ]),
    );
    await page.route("**/joined_members", (route) => route.fulfill({ json: { joined } }));
    await go(page, room_id, "info");
    await page.getByText("50,000 members").waitFor();
    assert.ok((await page.locator(".member").count()) < 40);
    await assertAccessible(page);
}

/** What is written from right to left does so alone, line by line. @param {Page} page */
async function turnsNothing(page) {
    await message(page, "plain").waitFor();
    await glance(page, "app-bidi");
    const sides = await message(page, "مرحبا")
        .locator(".text")
        .evaluate((text) => {
            const words = /** @type {Text} */ (
                document.createTreeWalker(text, NodeFilter.SHOW_TEXT).nextNode()
            );
            const at = (/** @type {number} */ from) => {
                const range = document.createRange();
                range.setStart(words, from);
                range.setEnd(words, from + 1);
                const { left, right } = range.getBoundingClientRect();
                const box = text.getBoundingClientRect();
                return left - box.left < box.right - right ? "left" : "right";
            };
            return [at(0), at(words.data.indexOf("and"))];
        });
    assert.deepEqual(sides, ["right", "left"]);
    const names = await page.locator(".chat-note, .from, .row-name, h1").allInnerTexts();
    assert.doesNotMatch(names.join(" "), /[\u202a-\u202e]/);
}

/** What was said before what a device has loaded is found, and is in the export. @param {Page} page */
async function findOlder(page) {
    await page.evaluate(async () => {
        const { finish } = await import(
            `${/** @type {any} */ (window).app.base}account/account.js`
        );
        await finish(); // or else the recovery key is shown first
    });
    await page.reload();
    await go(page);
    await page.getByLabel("Search chats and messages").fill("needle");
    await page.getByText("Nothing was found.").waitFor();
    await page.getByRole("button", { name: "Search older messages" }).click();
    await page.locator(".hits .chat-row", { hasText: "a needle of long ago" }).waitFor();
    await page.getByText("Older messages are read.").waitFor();
    await page.goto(`${APP}/#/me`);
    await page.route("**/_veche/agency/v1/cases", async (route) => {
        await page.evaluate(newChat, await filesOf(page));
        await route.continue();
    });
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download my data" }).click();
    const { chats } = JSON.parse(readFileSync(await (await saving).path(), "utf8"));
    assert.match(JSON.stringify(chats), /a needle of long ago/);
    assert.match(JSON.stringify(chats), /begun meanwhile/);
    const cut = chats.filter((/** @type {any} */ chat) => !chat.is_whole);
    assert.deepEqual(cut, []);
}

/** Plays in the page; its client has heard of the chat at the end. @param {string} files */
async function newChat(files) {
    const { account } = await import(`${files}app/account/account.js`);
    const { client } = account().opened;
    const { room_id } = await client.createRoom({ name: "begun meanwhile" });
    while (client.getRoom(room_id)?.name !== "begun meanwhile")
        await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A long chat is scrolled to its beginning as fast as a hand can. @param {Page} page @param {string} room_id @param {(content: unknown) => Promise<unknown>} send */
async function flood(page, room_id, send) {
    for (let at = 0; at < 150; at += 10)
        await Promise.all(
            Array.from({ length: 10 }, (_, index) =>
                send({ msgtype: "m.text", body: `flood ${at + index}` }),
            ),
        );
    await go(page, room_id);
    await message(page, "flood 149").waitFor();
    await page.waitForFunction(() => {
        document.querySelector(".log")?.scrollBy(0, -300);
        return /beginning of the chat/.test(document.querySelector(".log")?.textContent ?? "");
    });
    await say(page, "said from far above");
    await page.waitForFunction(() => {
        const last = [...document.querySelectorAll(".messages app-message")].at(-1);
        const bottom = document.querySelector(".log")?.getBoundingClientRect().bottom ?? 0;
        const isSaid = last?.textContent?.includes("said from far above");
        return isSaid && last && last.getBoundingClientRect().bottom <= bottom + 1;
    });
}
