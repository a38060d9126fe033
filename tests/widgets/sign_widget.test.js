/** Documents to sign as a widget in a client: shown there, signed in a tab. */
// stage: signing
import assert from "node:assert/strict";
import { showWidget } from "./client.js";
import { BASE, ask, assertAccessible, shoot, test } from "./harness.js";
import { ALICE, message } from "./room.js";
import { SESSION, serve, table } from "./sign_fake.js";

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
