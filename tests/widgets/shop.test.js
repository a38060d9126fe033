/** A shop's own page, on another site, that has invoices of a real house paid. */
// stage: bank
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { signIn, withKey } from "./journeys.js";
import { BASE, ask, test, until } from "./harness.js";
import { ApprovePage } from "./pages/approve.js";
import { ShopPage } from "./pages/shop.js";
import { SignInPage } from "./pages/signin.js";
import { WalletPage } from "./pages/wallet.js";
import { sample, shopPage } from "./shop_site.js";

const STATUS = /\/_veche\/wallet\/v1\/invoices\/[^/]+\/status$/;

/** Of the frames in which Element Web shows widgets. */
const WIDGET_FLAGS =
    "allow-forms allow-popups allow-popups-to-escape-sandbox allow-same-origin allow-scripts";

/** @param {string} person @param {string} title @returns {Promise<{id: string, pay_url: string}>} */
const invoice = (person, title) => ask("invoice", { person, minor: 840, title });

/** @param {string} payUrl @returns {string} where its status is */
const statusOf = (payUrl) =>
    `${BASE}/_veche/wallet/v1/invoices/${new URL(payUrl).hash.slice(1)}/status`;

/** @param {import("./harness.js").Opened} opened @param {string} payUrl */
async function atShop({ context }, payUrl) {
    const shop = new ShopPage(await context.newPage());
    await shop.visit(await shopPage(payUrl));
    return shop;
}

test("whoever pays, wherever, the shop's page hears the same of it", async ({ open }) => {
    const [ben, stranger] = [await open(), await open()];
    await withKey(ben, "ben");
    const onPage = await invoice("ben", "Page");
    const inChat = await invoice("ben", "Chat");

    // In the tab that the shop's page opens.
    const first = await atShop(ben, onPage.pay_url);
    const asked = first.page.waitForRequest(STATUS);
    const tab = await first.open();
    assert.equal(tab.url(), onPage.pay_url);
    assert.deepEqual(await tab.evaluate(() => [window.opener, document.referrer]), [null, ""]);
    const headers = await (await asked).allHeaders();
    assert.deepEqual([headers.cookie, headers.authorization], [undefined, undefined]);
    await tab.getByRole("link", { name: "Sign in and pay" }).waitFor();
    await signIn({ ...ben, page: tab }, "ben"); // what is signed in elsewhere, the tab does not have
    await tab.goto(onPage.pay_url);
    const wallet = new WalletPage(tab);
    await wallet.payThis.click();
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    await first.said.getByText("Thank you, it is paid.").waitFor();

    // In the chat, while a tab is open in which nobody signs in.
    const second = await atShop(stranger, inChat.pay_url);
    const idle = await second.open();
    await idle.getByRole("link", { name: "Sign in and pay" }).waitFor();
    const { body } = await ask("wait_for", { person: "ben", text: "Chat" });
    const link = /http\S+\/approve#\S+/.exec(body)?.[0];
    assert.ok(link, body);
    await ben.page.goto(link);
    await new ApprovePage(ben.page).yes.click();
    await second.said.getByText("Thank you, it is paid.").waitFor();

    for (const [shop, { pay_url }] of /** @type {const} */ ([
        [first, onPage],
        [second, inChat],
    ]))
        assert.deepEqual(await shop.heard(), [{ url: pay_url, status: "paid" }]);
    const told = [onPage, inChat].map((one) => first.read(statusOf(one.pay_url)));
    assert.deepEqual(
        await Promise.all(told),
        told.map(() => [200, { status: "paid" }]),
    );
});

// long
test("somebody who was not asked pays, and the shop's page hears the same", async ({ open }) => {
    const [anna, stranger] = [await open(), await open()];
    await withKey(anna, "anna");
    await ask("person", { person: "ben" });
    const { pay_url } = await invoice("ben", "Other");
    const shop = await atShop(stranger, pay_url);
    await shop.open();
    await anna.page.goto(pay_url);
    const wallet = new WalletPage(anna.page);
    await wallet.payThis.click();
    await wallet.approve(wallet.approveButton);
    await shop.said.getByText("Thank you, it is paid.").waitFor();

    assert.deepEqual(await shop.heard(), [{ url: pay_url, status: "paid" }]);
    assert.deepEqual(await shop.read(statusOf(pay_url)), [200, { status: "paid" }]);
});

// long
test("whoever is not signed in follows the shop's link to the end: signs in, and pays", async ({
    open,
}) => {
    const opened = await open();
    await withKey(opened, "ben"); // in another tab: the one that the shop opens is not signed in
    const { user } = await ask("person", { person: "ben" });
    const wanted = await invoice("ben", "Loaves");
    const shop = await atShop(opened, wanted.pay_url);
    const tab = await shop.open();
    await tab.getByRole("link", { name: "Sign in and pay" }).click();
    const page = new SignInPage(tab);
    await page.askCode(user);
    const { code } = await ask("code", { person: "ben" });
    await page.code.fill(code);
    await tab.waitForURL(wanted.pay_url);
    const wallet = new WalletPage(tab);
    await wallet.payThis.click();
    await wallet.approve(wallet.approveButton);
    await wallet.state.getByText("paid", { exact: true }).waitFor();
    await shop.said.getByText("Thank you, it is paid.").waitFor();

    assert.deepEqual(await shop.heard(), [{ url: wanted.pay_url, status: "paid" }]);
});

test("what is withdrawn or was never there fails, and what nobody pays is pending", async ({
    open,
    expect,
}) => {
    expect(/status of 404/); // of the link that is altered
    const opened = await open();
    await ask("person", { person: "ben" });
    const one = await invoice("ben", "Later");
    await opened.context.clock.install(); // its page waits some seconds for what is under way
    const shop = await atShop(opened, one.pay_url);
    await (await shop.open()).close();
    await shop.leaveAndReturn();
    const notYet = shop.said.getByText("It is not paid yet.");
    await until(async () => {
        await shop.page.clock.runFor(1000);
        return notYet.isVisible();
    }, "it does not say so");

    await shop.open();
    await ask("withdraw", { invoice: one.id });
    const over = shop.said.getByText("It cannot be paid any more.");
    await until(async () => {
        await shop.page.clock.runFor(1000);
        return over.isVisible();
    }, "it does not say so");
    assert.deepEqual(await shop.heard(), [
        { url: one.pay_url, status: "pending" },
        { url: one.pay_url, status: "failed" },
    ]);

    const altered = one.pay_url.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const wrong = await atShop(opened, altered);
    await wrong.open();
    await wrong.said.getByText("It cannot be paid any more.").waitFor();
    const none = one.pay_url.replace(/#0/, "#1");
    assert.deepEqual(await shop.read(statusOf(altered)), await shop.read(statusOf(none)));
});

test("a shop's page reads nothing but the status, as nobody", async ({ open, expect }) => {
    expect(/CORS|ERR_FAILED|status of 40[345]/); // what it tries
    const opened = await open();
    await signIn(opened, "anna");
    const { pay_url } = await invoice("anna", "Read");
    const shop = await atShop(opened, pay_url);
    const status = statusOf(pay_url);
    const wallet = `${BASE}/_veche/wallet/v1`;
    const post = { method: "POST", body: "{}" };

    assert.deepEqual(await shop.read(status), [200, { status: "pending" }]);
    for (const [address, options] of /** @type {[string, RequestInit][]} */ ([
        [status, { credentials: "include" }],
        [status, { headers: { authorization: "Bearer x" } }],
        [status, post],
        [status, { method: "DELETE" }],
        [`${wallet}/wallet`, {}],
        [`${wallet}/invoices`, post],
        [`${wallet}/invoices`, { ...post, headers: { "content-type": "application/json" } }],
        [`${wallet}/openapi.json`, {}],
        [`${BASE}/_veche/approvals/v1/time`, {}],
        [`${BASE}/_veche/sessions/v1/session`, {}],
        [`${BASE}/pay`, {}],
    ]))
        assert.equal(
            await shop.read(address, options),
            "nothing",
            JSON.stringify([address, options]),
        );
});

test("as a widget in a client it opens the same tab, and frames none", async ({ open, expect }) => {
    expect(/frame-ancestors/);
    const { page, context } = await open();
    await ask("person", { person: "ben" });
    const one = await invoice("ben", "Widget");
    const address = await shopPage(one.pay_url);
    await page.goto(`${await shopPage(one.pay_url)}client`);
    await page.evaluate(([shop, flags]) => {
        const frame = document.createElement("iframe");
        frame.sandbox.value = flags;
        frame.src = shop;
        document.body.append(frame);
    }, /** @type {const} */ ([address, WIDGET_FLAGS]));
    const shop = page.frameLocator("iframe");
    const [tab] = await Promise.all([
        context.waitForEvent("page"),
        shop.getByRole("button", { name: "Pay 8.40 EUR" }).click(),
    ]);
    await tab.getByRole("link", { name: "Sign in and pay" }).waitFor();
    assert.equal(await tab.evaluate(() => window.opener), null);
    await ask("withdraw", { invoice: one.id });
    await shop.getByRole("status").getByText("It cannot be paid any more.").waitFor();

    const framed = await page.evaluate(async (url) => {
        const frame = document.createElement("iframe");
        const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
        frame.src = url;
        document.body.append(frame);
        await loaded;
        return frame.contentDocument === null;
    }, one.pay_url);
    assert.ok(framed);
    const [, , last] = page.frames();
    assert.ok(!last?.url().startsWith(BASE), last?.url());
});

test("no tab is opened for what is no invoice, or where nobody pressed anything", async ({
    open,
}) => {
    const { page, context } = await open();
    await ask("person", { person: "ben" });
    const { pay_url } = await invoice("ben", "None");
    const shop = new ShopPage(page);
    await page.addInitScript(
        ([script, right]) => {
            // Not of the test, whose scripts count as a press.
            window.addEventListener("load", async () => {
                const { openInvoice } = await import(script);
                const { origin, hash } = new URL(right);
                /** @param {string} url */
                const refusal = (url) => {
                    try {
                        openInvoice(url);
                        return "opened";
                    } catch (error) {
                        return /** @type {Error} */ (error).name;
                    }
                };
                /** @type {any} */ (window).refusals = [
                    right,
                    "javascript:alert(1)",
                    `http://bank.example/pay${hash}`,
                    `${origin}/pay?next=1${hash}`,
                    `${origin}/pay${hash}0`,
                    `${origin}/pay#to=@ben:lindenau.localhost`,
                    `${origin}/wallet${hash}`,
                    "pay",
                ].map(refusal);
            });
        },
        /** @type {const} */ ([`${BASE}/shop/open_invoice.js`, pay_url]),
    );
    await page.goto(await shopPage(pay_url));
    const refusals = await page.waitForFunction(() => /** @type {any} */ (window).refusals);

    assert.deepEqual(await refusals.jsonValue(), ["Error", ...Array(7).fill("TypeError")]);
    assert.equal(context.pages().length, 1);
    assert.equal(await shop.said.innerText(), "");
});

test("a page that asks for a digest runs the script that has it and no other", async ({
    open,
    expect,
}) => {
    expect(/integrity/); // of the page that asks for another
    const { page } = await open();
    const folder = await mkdtemp(path.join(tmpdir(), "veche-shop-"));
    try {
        const { stdout } = await promisify(execFile)(
            "/bin/sh",
            ["-e", "-c", await sample(/```sh\n([^]*?)```/)],
            { cwd: folder, env: { ...process.env, VECHE_API: `${BASE}/_veche/payments/v1` } },
        );
        const shop = new ShopPage(page);
        const link = `${BASE}/pay#01M8EM2ZKV0ZMMBXYJAG15G2VJ.1.0000000000000000`;
        const runs = () => page.evaluate(() => document.querySelector("button")?.onclick !== null);
        await shop.visit(await shopPage(link, `sha384-${stdout}`));
        assert.equal(await runs(), true);
        await page.goto(await shopPage(link, `sha384-${"A".repeat(64)}`));
        await page.waitForLoadState();
        assert.equal(await runs(), false);
    } finally {
        await rm(folder, { recursive: true });
    }
});
