// stage: pages
import assert from "node:assert/strict";
import {
    NONCE,
    SHOWN,
    asked,
    fake,
    keyHere,
    openAnswer,
    session,
    signedIn,
} from "./approvals_fake.js";
import { ownPath } from "../../appservices/widgets/static/kit/own_path.js";
import { clientOrigin } from "./client.js";
import { BASE, test, until } from "./harness.js";
import { ApprovePage, approvePath } from "./pages/approve.js";
import { KeysPage } from "./pages/keys.js";
import { SignInPage } from "./pages/signin.js";

const LOOK = `GET approvals/v1/${NONCE}`;
const HAND = "POST approvals/v1";
const EVIL = `"><img src=x onerror="window.owned=1"><script>window.owned=1</script>{{7*7}}\${7*7}`;
const LOOK_MS = 500;

test("pages with authority are not shown in a frame of anybody", async ({ open, expect }) => {
    expect(/frame-ancestors|ERR_BLOCKED|status of 404/);
    const { page, problems } = await open();
    /** @param {string} path @returns {Promise<string>} the address that the frame has in the end */
    const framed = async (path) => {
        await page.goto(`${await clientOrigin()}/host.js`); // any document of another site
        await page.evaluate(async (address) => {
            const frame = document.createElement("iframe");
            frame.src = address;
            const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
            document.body.append(frame);
            await loaded;
        }, BASE + path);
        return page.frames()[1]?.url() ?? "";
    };

    assert.equal(await framed("/widget"), `${BASE}/widget`);
    for (const path of ["/signin", "/keys", approvePath(asked("payment"))])
        assert.ok(!(await framed(path)).startsWith(BASE), path);
    assert.equal(problems.filter((one) => /frame-ancestors 'none'/.test(one)).length, 3);
});

test("whoever opens a page of ours has no hold on it, and ours have one on each other", async ({
    open,
    expect,
}) => {
    expect(/status of 404/);
    const { page, context } = await open();
    const elsewhere = `${await clientOrigin()}/host.js`; // any document of another site
    /**
     * Opens a document in a window that either page has a hold on, or neither.
     * @param {string} address
     * @param {boolean} isHeld
     */
    const opens = async (address, isHeld) => {
        const comes = context.waitForEvent("page");
        // What a page can do to a window that it has: name it, lead it elsewhere, see it close.
        // Each has a name of its own: the page may know that of one which is closed for a while,
        // and would lead that one on instead of opening another.
        await page.evaluate((one) => {
            Object.assign(window, { held: window.open(one, `held at ${one}`, "popup") });
        }, address);
        const popup = await comes;
        await popup.waitForLoadState("load");
        const isClosed = () => page.evaluate(() => /** @type {any} */ (window).held.closed);
        // The page that opened it hears a moment later that it lost it.
        if (isHeld) assert.equal(await isClosed(), false, address);
        else await until(isClosed, `${address} is lost to the page that opened it`);
        assert.equal(await popup.evaluate(() => window.opener !== null), isHeld, address);
        await popup.close();
    };

    await page.goto(elsewhere);
    await opens(elsewhere, true);
    for (const path of ["/approve", "/pay", "/keys", "/signin", "/widget", "/no-such-page"])
        await opens(BASE + path, false);
    await page.goto(`${BASE}/pay`);
    await opens(`${BASE}/approve`, true);
});

test("a link that says something else than was asked has nothing to press", async ({
    open,
    expect,
}) => {
    expect(/status of 404/); // of the page between two
    const { page, context } = await open();
    await page.goto(`${BASE}/approve`);
    const { listed } = await keyHere(page);
    const heard = await fake(context, {
        [LOOK]: { body: openAnswer(asked("payment"), { keys: [listed] }) },
    });
    const approve = new ApprovePage(page);
    const changed = [
        { amount: { minor: 1, currency: "EUR" } },
        { payee: "DE00" },
        { payee_name: "Somebody" },
        { reference: "else" },
        { more: "than that" },
    ].map((one) => asked("payment", { ...SHOWN.payment, ...one }));
    for (const link of [
        ...changed,
        { ...asked("payment"), person: "@eve:localhost" },
        { ...asked("payment"), more: 1 },
    ]) {
        await page.goto(`${BASE}/static/none`).catch(() => {});
        await approve.visit(link);
        await page.getByRole("heading", { name: "This link was changed" }).waitFor();
        assert.equal(await page.getByRole("button").count(), 0);
    }
    await page.goto(`${BASE}/static/none`).catch(() => {});
    await approve.visit(asked("payment"));
    await approve.yes.waitFor();
    assert.ok(heard.every(({ method }) => method === "GET"));
});

test("what the page cannot show to the last field cannot be approved", async ({ open }) => {
    const { page, context } = await open();
    let shown = /** @type {Record<string, unknown>} */ ({});
    await fake(context, { [LOOK]: () => ({ body: openAnswer(asked("payment", shown)) }) });
    const approve = new ApprovePage(page);
    for (const one of [
        { ...SHOWN.payment, hidden: "a field that nobody sees" },
        { ...SHOWN.payment, amount: { minor: 1, currency: "EUR", exponent: 9 } },
        { ...SHOWN.payment, amount: { minor: 0.5, currency: "EUR" } },
        { ...SHOWN.payment, reference: undefined },
        SHOWN.mandate,
    ]) {
        shown = one;
        await approve.visit(NONCE);
        await page.reload();
        await page.getByRole("heading", { name: "This page can't show it all" }).waitFor();
        assert.equal(await page.getByRole("button").count(), 0);
    }
});

/** Fields that are no words of anybody: the page refuses whatever is not one of their values. */
const CODED = new Set([
    ...["period", "sha256", "session", "party", "role", "level", "code", "parties_sha256"],
    ...["effect", "read", "key"],
]);

/** @param {string} name @param {unknown} value @returns {unknown} words of an attacker in its place */
function evilOf(name, value) {
    if (CODED.has(name)) return undefined;
    if (typeof value === "string") return EVIL;
    if (name === "clauses") return [{ id: "c7", title: EVIL, accepted: true }];
    return Array.isArray(value) ? [{ label: EVIL, value: EVIL }] : undefined;
}

test("words in every shown field stay words", async ({ open }) => {
    const { page, context } = await open();
    let body = openAnswer(asked("payment"));
    await fake(context, { [LOOK]: () => ({ body }) });
    const approve = new ApprovePage(page);
    for (const kind of /** @type {(keyof typeof SHOWN)[]} */ (Object.keys(SHOWN)))
        for (const [name, value] of Object.entries(SHOWN[kind])) {
            const evil = evilOf(name, value);
            if (!evil) continue;
            body = openAnswer(asked(kind, { ...SHOWN[kind], [name]: evil }));
            await approve.visit(NONCE);
            await page.reload();
            await page.getByText(EVIL).first().waitFor();
            const found = await page.evaluate(() => [
                "owned" in window,
                document.querySelectorAll("main img, main script").length,
            ]);
            assert.deepEqual(found, [false, 0], `${kind}.${name}`);
        }
});

test("names of keys, browsers and lines of the log stay words", async ({ open }) => {
    const { page, context } = await open();
    await signedIn(context);
    const key = {
        id: "k".repeat(43),
        kind: "p256",
        label: EVIL,
        words: EVIL,
        created_at_ms: 1,
        held_until_ms: null,
        last_used_at_ms: null,
        revoked_at_ms: null,
    };
    await fake(context, {
        "GET keys/v1/keys": {
            body: {
                keys: [key, { ...key, id: "r", revoked_at_ms: 1 }],
                passkeys: true,
                keys_max: 20,
            },
        },
        "GET keys/v1/identity": { body: { state: "changed", fingerprint: EVIL, has_key: true } },
        "GET keys/v1/limits": { body: { limits: [] } },
        "GET keys/v1/log": {
            body: { events: [{ id: 1, at_ms: 1, what: "used", text: EVIL }], before: null },
        },
        "GET sessions/v1/sessions": {
            body: {
                sessions: [
                    {
                        id: "01",
                        level: EVIL,
                        browser: EVIL,
                        system: EVIL,
                        begun_at_ms: 1,
                        used_at_ms: 1,
                        is_this: true,
                    },
                ],
            },
        },
    });
    const keys = new KeysPage(page);
    await keys.visit();
    await keys.log.filter({ hasText: EVIL }).waitFor();
    await keys.sessions.filter({ hasText: EVIL }).waitFor();
    await keys.keys.filter({ hasText: EVIL }).waitFor();
    const found = await page.evaluate(() => [
        "owned" in window,
        document.querySelectorAll("main img, main script").length,
    ]);

    assert.deepEqual(found, [false, 0]);
});

test("a press within half a second of seeing the page does nothing", async ({ open }) => {
    const { page, context } = await open();
    await page.goto(`${BASE}/approve`);
    const { listed } = await keyHere(page);
    const heard = await fake(context, {
        [LOOK]: () => ({ body: openAnswer(asked("payment"), { keys: [listed] }) }),
        [HAND]: { body: { outcome: "approved" } },
    });
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    const approve = new ApprovePage(page);
    await approve.visit(NONCE);
    await page.reload();
    await approve.yes.waitFor();
    const press = () => page.evaluate(() => document.querySelector("button")?.click());
    await press();
    await page.clock.runFor(LOOK_MS - 1);
    await press();
    assert.ok(await approve.yes.isDisabled());
    await page.clock.runFor(1);
    assert.ok(await approve.yes.isEnabled());
    // Brought before the person anew: by somebody who chose the moment, perhaps.
    await page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await press();
    await page.clock.runFor(LOOK_MS - 1);
    assert.ok(await approve.yes.isDisabled());
    await page.clock.runFor(1);
    assert.ok(heard.every(({ method }) => method === "GET"));
    await press();
    await page.getByRole("heading", { name: "Approved" }).waitFor();
});

test("whoever opens the approve page from elsewhere learns nothing", async ({ open, expect }) => {
    expect(/status of 404/);
    for (const isOurs of [true, false]) {
        const { page, context } = await open();
        await page.goto(`${BASE}/approve`);
        const { listed } = await keyHere(page);
        await fake(context, {
            [LOOK]: { body: openAnswer(asked("payment"), { keys: [listed] }) },
            [HAND]: { body: { outcome: "approved" } },
        });
        await page.goto(isOurs ? `${BASE}/static/none` : `${await clientOrigin()}/host.js`);
        const opened = context.waitForEvent("page");
        await page.evaluate(
            (address) => {
                const log = /** @type {any} */ (window);
                log.heard = [];
                window.addEventListener("message", (event) =>
                    log.heard.push([event.origin, event.data]),
                );
                window.open(address, "veche-approve");
            },
            BASE + approvePath(NONCE),
        );
        const approve = new ApprovePage(await opened);
        await approve.yes.click();
        await approve.page.getByRole("heading", { name: "Approved" }).waitFor();
        assert.equal(await approve.page.evaluate(() => window.opener !== null), isOurs);
        // What a window says arrives in order: after this, nothing of before is on its way.
        await approve.page.evaluate(() => window.opener?.postMessage("last", "*"));
        if (!isOurs) await page.evaluate(() => window.postMessage("last", "*"));
        await page.waitForFunction(() => /** @type {any} */ (window).heard.at(-1)?.[1] === "last");
        const heard = await page.evaluate(() => /** @type {any} */ (window).heard.slice(0, -1));
        const told = [BASE, { type: "org.veche.approval", nonce: NONCE, outcome: "approved" }];
        assert.deepEqual(heard, isOurs ? [told] : []);
    }
});

test("return= leads to our own pages and nowhere else", async ({ open }) => {
    const evil = [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/_veche/sessions/v1/session",
        "/signin#return=/signin",
        "http:evil.example",
        "keys",
        "",
    ];
    for (const path of evil) assert.equal(ownPath(path, BASE), "", path);
    assert.equal(ownPath("/keys?x=1#sessions", BASE), "/keys?x=1#sessions");
    for (const path of ["//evil.example/", "/keys?x=1"]) {
        const { page, context } = await open();
        await fake(context, {
            "POST sessions/v1/codes": {
                body: { request: "r".repeat(22), valid_ms: 600_000, digits: 6 },
            },
            "POST sessions/v1/code": { body: session },
            "GET keys/v1/keys": { body: { keys: [], passkeys: false, keys_max: 20 } },
            "GET keys/v1/limits": { body: { limits: [] } },
            "GET keys/v1/log": { body: { events: [], before: null } },
            "GET sessions/v1/sessions": { body: { sessions: [] } },
            "GET agency/v1/homes": {
                body: { version: "1", now_ms: 0, prompts: [], cases: [], homes: [] },
            },
        });
        const signIn = new SignInPage(page);
        await page.route(`${BASE}/`, (route) =>
            route.fulfill({ body: "home", contentType: "text/html" }),
        );
        await signIn.visit(`#return=${encodeURIComponent(path)}`);
        await signIn.askCode("@alice:localhost");
        await signIn.code.fill("123456");
        await page.waitForURL((url) => url.pathname !== "/signin");
        assert.equal(page.url(), BASE + (path.startsWith("/keys") ? path : "/"));
    }
});

test("where the browser refuses storage the pages say so, or do without", async ({
    open,
    expect,
}) => {
    expect(/status of 404/);
    const { page, context } = await open();
    await signedIn(context);
    await fake(context, {
        "GET keys/v1/keys": { body: { keys: [], passkeys: false, keys_max: 20 } },
        "GET keys/v1/limits": { body: { limits: [] } },
        "GET keys/v1/log": { body: { events: [], before: null } },
        "GET sessions/v1/sessions": { body: { sessions: [] } },
        "POST sessions/v1/codes": {
            body: { request: "r".repeat(22), valid_ms: 600_000, digits: 6 },
        },
        [LOOK]: { body: openAnswer(asked("payment")) },
    });
    await page.addInitScript(() => {
        IDBFactory.prototype.open = () => {
            throw new DOMException("refused", "SecurityError");
        };
    });
    const keys = new KeysPage(page);
    await keys.visit();
    await keys.make.click();
    await keys.makeKey.click();
    await keys.alert.filter({ hasText: "This browser keeps nothing for this page" }).waitFor();
    await new ApprovePage(page).visit(NONCE);
    await page.getByText("This device has no key of yours").waitFor();

    const other = await open();
    await fake(other.context, {
        "POST sessions/v1/codes": {
            body: { request: "r".repeat(22), valid_ms: 600_000, digits: 6 },
        },
    });
    await other.page.addInitScript(() => {
        for (const name of ["sessionStorage", "localStorage"])
            Object.defineProperty(window, name, {
                get() {
                    throw new DOMException("refused", "SecurityError");
                },
            });
    });
    const signIn = new SignInPage(other.page);
    await signIn.visit();
    await signIn.askCode("@alice:localhost");
});
