/** Documents to sign as a widget in a client: shown there, signed in a tab. */
// stage: signing
import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { showWidget } from "./client.js";
import { BASE, ask, assertAccessible, shoot, test } from "./harness.js";
import { ALICE, message } from "./room.js";
import { SESSION, serve, table } from "./sign_fake.js";

const IS_LONG = process.env.VECHE_LONG === "1";
const BOT = "@veche_signing:localhost";
const DAY_MS = 86_400_000;

/** @param {Record<string, unknown>} [more] @param {string} [sender] */
async function request(more = {}, sender = BOT) {
    const { code, document, parties } = await ask("session");
    const told = {
        v: 1,
        id: SESSION,
        mode: "assisted",
        state: "open",
        title: "Lease of flat 12b",
        from_name: "Lindenau Housing Cooperative",
        from_user: "@lindenau:localhost",
        document: { sha256: document.sha256, bytes: document.size, pages: document.pages },
        ...{ parties, code, count: 2, signed: 0, you: "p1", deadline_at_ms: Date.now() + DAY_MS },
        ...more,
    };
    return message({ body: "Please sign", "org.veche.sign_request": told }, { sender });
}

test("a document that waits is shown in the client, and signed in a tab", async ({ open }) => {
    const { fragment } = await ask("begin");
    const page = `${BASE}/sign#${fragment}`;
    const opened = await open({ reducedMotion: "reduce" });
    const heard = await serve(opened.context, table([]));
    const timeline = [await request({ page }), await request({ title: "forged", page }, ALICE)];
    const widget = await showWidget(opened, { path: "/sign/widget", timeline });
    const { frame } = widget;
    await frame.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    assert.equal(await frame.getByText("forged").count(), 0);
    await frame.getByText("Alice Adams: was asked").waitFor();

    const out = frame.getByRole("link", { name: "Read and sign in the browser" });
    assert.equal(await out.getAttribute("href"), `/sign#${fragment}`);
    assert.equal(await out.getAttribute("target"), "_blank");
    assert.deepEqual(heard, []);
    await frame.getByRole("button", { name: "Show the document here" }).click();
    await frame.locator(".sheet-page canvas:not([width='0'])").first().waitFor();
    for (const theme of ["light", "dark", "light-high-contrast"]) {
        await widget.theme(theme);
        await assertAccessible(opened.page);
        await shoot(opened.page, `sign-widget-${theme}`);
    }

    assert.ok(heard.every(({ method }) => method === "GET"));
    assert.equal(await frame.getByRole("button", { name: "Sign", exact: true }).count(), 0);
    assert.deepEqual(await widget.sent(), []);
    await opened.page.setViewportSize({ width: 320, height: 720 });
    await shoot(opened.page, "sign-widget-narrow");
});

/**
 * A file as the bot sends it: encrypted, in a message of its own.
 * @param {Buffer} document
 * @param {string} [session]
 */
async function sentFile(document, session = SESSION) {
    const { subtle } = webcrypto;
    const how = { name: "AES-CTR", length: 256 };
    const key = await subtle.generateKey(how, true, ["encrypt", "decrypt"]);
    const counter = Buffer.concat([webcrypto.getRandomValues(Buffer.alloc(8)), Buffer.alloc(8)]);
    const cipher = Buffer.from(
        await subtle.encrypt({ name: "AES-CTR", counter, length: 64 }, key, document),
    );
    const digest = createHash("sha256").update(cipher).digest("base64").replaceAll("=", "");
    const file = {
        ...{ v: "v2", url: "mxc://localhost/lease", hashes: { sha256: digest } },
        iv: counter.toString("base64").replaceAll("=", ""),
        key: await subtle.exportKey("jwk", key),
    };
    const told = { v: 1, session, document_sha256: "x".repeat(43), bytes: 1 };
    const content = { msgtype: "m.file", body: "lease.pdf", file, "org.veche.sign_file": told };
    return { event: message(content, { sender: BOT }), cipher };
}

/** @param {any[][]} calls @returns {unknown[]} what was asked of the client's homeserver */
const downloads = (calls) => calls.filter(([what]) => what === "download").map(([, uri]) => uri);

test("a file that the bot has sent is fetched through the client, and not of the service", async ({
    open,
}) => {
    const { fragment, document } = await ask("begin");
    const opened = await open();
    const heard = await serve(opened.context, table([]));
    // With something behind it, as of one that somebody has signed: what is agreed on is shown.
    const whole = Buffer.concat([Buffer.from(document, "base64"), Buffer.from("signatures")]);
    const { event, cipher } = await sentFile(whole);
    const widget = await showWidget(opened, {
        path: "/sign/widget",
        timeline: [event, await request({ page: `${BASE}/sign#${fragment}` })],
        files: { "mxc://localhost/lease": [...cipher] },
    });
    await widget.frame.getByRole("button", { name: "Show the document here" }).click();
    await widget.frame.locator(".sheet-page canvas:not([width='0'])").first().waitFor();

    assert.deepEqual(heard, []);
    const calls = await widget.calls();
    assert.deepEqual(downloads(calls), ["mxc://localhost/lease"]);
    const wanted = calls.find(([what]) => what === "capabilities") ?? [];
    assert.ok(wanted.includes("org.matrix.msc4039.download_file"));
});

test("what the client does not have, or has otherwise, is fetched of the service", async ({
    open,
    expect,
}) => {
    expect(/error while downloading a file/);
    const { fragment, document } = await ask("begin");
    const whole = Buffer.from(document, "base64");
    const other = Buffer.from(whole);
    other.writeUInt8(other.readUInt8(100) ^ 1, 100);
    const right = await sentFile(whole);
    const changed = Buffer.from(right.cipher);
    changed.writeUInt8(changed.readUInt8(100) ^ 1, 100);
    const forged = await sentFile(other);
    const stranger = await sentFile(whole, "01KAV3Z8K4Q6V5W7X9Y0A1B2C4");
    const denied = ["m.room.message#m.file", "msc4039.download_file"];
    const ways = [
        { event: right.event, bytes: right.cipher, asked: 0, denied },
        { event: right.event, bytes: right.cipher, asked: 0, denied: denied.slice(1) },
        { event: right.event, bytes: undefined, asked: 1 },
        { event: right.event, bytes: changed, asked: 1 },
        { event: forged.event, bytes: forged.cipher, asked: 1 },
        { event: stranger.event, bytes: stranger.cipher, asked: 0 },
        { event: { ...right.event, sender: ALICE }, bytes: right.cipher, asked: 0 },
    ];
    // An ordinary run: what is denied, damaged, forged, and sent by somebody else.
    const tried = IS_LONG ? ways : [0, 3, 4, 6].flatMap((at) => ways[at] ?? []);
    for (const { event, bytes, asked, ...more } of tried) {
        const opened = await open();
        const heard = await serve(opened.context, table([]));
        const widget = await showWidget(opened, {
            path: "/sign/widget",
            timeline: [event, await request({ page: `${BASE}/sign#${fragment}` })],
            ...more,
            files: bytes ? { "mxc://localhost/lease": [...bytes] } : {},
        });
        await widget.frame.getByRole("button", { name: "Show the document here" }).click();
        await widget.frame.locator(".sheet-page canvas:not([width='0'])").first().waitFor();
        assert.ok(heard.length > 0);
        assert.equal(downloads(await widget.calls()).length, asked);
    }
});

test("another document than the message says is not shown", async ({ open }) => {
    const { fragment } = await ask("begin");
    const opened = await open();
    await serve(opened.context, table([]));
    const timeline = [await request({ page: `${BASE}/sign#${fragment}` })];
    await ask("swap");
    const { frame } = await showWidget(opened, { path: "/sign/widget", timeline });
    await frame.getByRole("button", { name: "Show the document here" }).click();
    await frame.getByText("This is not the document that was agreed on").waitFor();
    assert.equal(await frame.locator("canvas").count(), 0);
});

test("of a private document the widget shows what the bot knows, and asks for no key", async ({
    open,
}) => {
    const begun = await ask("begin_blind");
    const opened = await open();
    const heard = await serve(opened.context, table([]));
    const page = `${BASE}/sign#${begun.of_bot}`;
    const timeline = [await request({ mode: "blind", title: "", page })];
    const { frame } = await showWidget(opened, { path: "/sign/widget", timeline });
    await frame.getByRole("heading", { name: "Private document" }).waitFor();
    await frame.getByText("don't write it here: the bot reads this chat.").waitFor();
    await assertAccessible(opened.page);
    await shoot(opened.page, "sign-widget-private");

    assert.equal(await frame.getByRole("button", { name: "Show the document here" }).count(), 0);
    assert.equal(await frame.getByRole("textbox").count(), 0);
    assert.deepEqual(heard, []);
});

test("a seal has sealed, where a person has signed", async ({ open }) => {
    await ask("begin");
    const { parties } = await ask("session");
    const opened = await open();
    const town = { ...parties[1], name: "Town of Lindenau", role: "seal", state: "signed" };
    const timeline = [await request({ parties: [{ ...parties[0], state: "signed" }, town] })];
    const { frame } = await showWidget(opened, { path: "/sign/widget", timeline });
    await frame.getByText("Town of Lindenau: has sealed").waitFor();
    await frame.getByText(`${parties[0].name}: has signed`).waitFor();
});

test("a page elsewhere is no page of ours, and what is over waits no more", async ({ open }) => {
    await ask("begin");
    const opened = await open();
    const timeline = [await request({ page: "https://evil.example/sign#s=1" })];
    const widget = await showWidget(opened, { path: "/sign/widget", timeline });
    await widget.frame.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    assert.equal(await widget.frame.getByText("Read and sign in the browser").count(), 0);

    await widget.feed(await request({ state: "completed" }));
    await widget.frame.getByText("No document waits for you here now.").waitFor();
});

test("alone in a tab the widget gives way to the page of signatures", async ({ open }) => {
    const { page } = await open();
    await page.goto(`${BASE}/sign/widget`);
    await page.waitForURL(`${BASE}/sign`);
    await page.getByRole("heading", { name: "Open the link from your chat" }).waitFor();
});
