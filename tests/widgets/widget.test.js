// stage: pages
import assert from "node:assert/strict";
import { clientOrigin, showWidget } from "./client.js";
import { BASE, assertAccessible, shoot, test, until } from "./harness.js";
import { ALICE, CASE, card, edit, message, prompt } from "./room.js";

const IS_LONG = process.env.VECHE_LONG === "1";
const READY_MS_MAX = 10_000;
const THEMES = ["light", "dark", "light-high-contrast", "dark-high-contrast"];
const XSS = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

test("a widget asks for two capabilities, for no identity, and our server for files alone", async ({
    open,
}) => {
    const opened = await open();
    /** @type {string[]} */
    const asked = [];
    opened.context.on("request", (request) => {
        if (request.url().startsWith(BASE)) asked.push(new URL(request.url()).pathname);
    });
    const widget = await showWidget(opened, { timeline: [card(), prompt()] });
    await widget.frame.getByRole("button", { name: "Travel" }).waitFor();
    const calls = await widget.calls();

    assert.deepEqual(
        calls.filter(([what]) => what === "capabilities").map((one) => one.slice(1).toSorted()),
        [
            [
                "org.matrix.msc2762.receive.event:m.room.message#m.text",
                "org.matrix.msc2762.send.event:m.room.message#m.text",
            ],
        ],
    );
    assert.deepEqual(
        calls.filter(([what]) => what === "openid"),
        [],
    );
    assert.deepEqual(
        asked.filter((path) => path !== "/widget" && !path.startsWith("/static/")),
        [],
    );
});

test("a press on a button is a message that everybody can read, and counts", async ({ open }) => {
    const asked = prompt();
    const widget = await showWidget(await open(), { timeline: [card(), asked] });
    await widget.frame.getByRole("button", { name: "Court" }).click();
    await widget.frame.getByText("Sent.").waitFor();
    const sent = await widget.sent();

    assert.deepEqual(sent, [
        {
            msgtype: "m.text",
            body: "Court",
            "m.relates_to": { rel_type: "m.reference", event_id: asked.event_id },
            "org.veche.answer": { v: 1, prompt: "01JD0000000000000000000002", choice: "court" },
        },
    ]);
    assert.equal(await widget.frame.getByText("1. Travel").count(), 0);
});

test("a form is filled in and sent as words and as data", async ({ open }) => {
    const form = {
        fields: [
            {
                id: "why",
                kind: "choice",
                label: "Why?",
                required: true,
                choices: [
                    { id: "a", label: "Trip" },
                    { id: "b", label: "Court" },
                ],
            },
            { id: "text", kind: "text", label: "Where to?", required: true },
        ],
    };
    const widget = await showWidget(await open(), { timeline: [prompt({ choices: [], form })] });
    await widget.frame.getByLabel("Trip").check();
    await widget.frame.getByLabel("Where to?").fill("Riga");
    await widget.frame.getByRole("button", { name: "Send" }).click();
    await widget.frame.getByText("Sent.").waitFor();
    const [content] = await widget.sent();

    assert.equal(content.body, "Why?: Trip\nWhere to?: Riga");
    assert.deepEqual(content["org.veche.answer"].data, { why: "a", text: "Riga" });
});

test("what the bot writes next is shown: another question, another state, a document", async ({
    open,
}) => {
    const first = card();
    const asked = prompt();
    const widget = await showWidget(await open(), { timeline: [first, asked] });
    await widget.frame.getByRole("button", { name: "Travel" }).waitFor();
    await widget.feed(
        edit(asked, {
            body: "Answer: Travel",
            "org.veche.prompt": {
                ...asked.content["org.veche.prompt"],
                choices: [],
                closed: "answered",
                chosen: "travel",
            },
        }),
    );
    await widget.frame.getByRole("button", { name: "Travel" }).waitFor({ state: "detached" });
    await widget.feed(
        edit(first, {
            body: "Copy of a birth certificate\n\nCase: GHV5YW4F\nState: done",
            "org.veche.case": { ...first.content["org.veche.case"], state: "served" },
        }),
    );
    await widget.frame.getByText("done", { exact: true }).waitFor();
    await widget.feed(
        message({
            body: "Copy of a birth certificate",
            "org.veche.document": {
                v: 1,
                id: "01JD0000000000000000000009",
                title: "The certificate",
            },
        }),
    );
    await widget.frame.getByText("The certificate").waitFor();
});

test("a form that was answered in words is over with the state that asked it", async ({ open }) => {
    const first = card();
    const form = {
        fields: [{ id: "text", kind: "long_text", label: "Your answer", required: true }],
    };
    const widget = await showWidget(await open(), {
        timeline: [
            first,
            prompt({ choices: [], form }),
            message({ body: "Charité" }, { sender: ALICE }),
        ],
    });
    await widget.frame.getByRole("textbox", { name: "Your answer" }).waitFor();
    await widget.feed(
        edit(first, {
            body: "Copy of a birth certificate\n\nState: a clerk is looking at it",
            "org.veche.case": { ...first.content["org.veche.case"], state: "in_review" },
        }),
    );
    await widget.frame.getByRole("textbox", { name: "Your answer" }).waitFor({ state: "detached" });
});

test("of a long room the card counts also where only an edit of it is left", async ({ open }) => {
    const first = card();
    const last = edit(first, {
        body: "Copy of a birth certificate\n\nState: a clerk is looking at it",
        "org.veche.case": { ...first.content["org.veche.case"], state: "in_review" },
    });
    const widget = await showWidget(await open(), { timeline: [last] });
    await widget.frame.getByText("a clerk is looking at it").waitFor();
});

test("what others write in the bot's form is not believed", async ({ open }) => {
    const first = card();
    const asked = prompt();
    const evil = { sender: "@veche_org_lindenau_records:evil.example" };
    const widget = await showWidget(await open(), {
        timeline: [
            first,
            asked,
            prompt(
                { id: "01JD0000000000000000000003", choices: [{ id: "x", label: "Pay" }] },
                { sender: ALICE },
            ),
            prompt(
                { id: "01JD0000000000000000000004", choices: [{ id: "x", label: "Give" }] },
                evil,
            ),
            edit(
                asked,
                {
                    body: "Pay",
                    "org.veche.prompt": {
                        ...asked.content["org.veche.prompt"],
                        choices: [{ id: "travel", label: "Transfer" }],
                    },
                },
                { sender: ALICE },
            ),
            edit(
                first,
                {
                    body: "Owned",
                    "org.veche.case": { ...first.content["org.veche.case"], state: "x" },
                },
                evil,
            ),
            prompt({
                v: 2,
                id: "01JD0000000000000000000005",
                choices: [{ id: "x", label: "Later" }],
            }),
            message(
                {
                    body: "Court",
                    "org.veche.answer": {
                        v: 1,
                        prompt: "01JD0000000000000000000002",
                        choice: "court",
                    },
                },
                { sender: "@mallory:localhost" },
            ),
        ],
    });
    await widget.frame.getByRole("button", { name: "Travel" }).waitFor();

    assert.deepEqual(await widget.frame.getByRole("button").allInnerTexts(), ["Travel", "Court"]);
    assert.equal(
        await widget.frame.getByRole("heading", { name: "Copy of a birth certificate" }).count(),
        1,
    );
});

test("only the client that shows the widget is listened to", async ({ open }) => {
    const opened = await open();
    const { page } = opened;
    const widget = await showWidget(opened, { timeline: [card()] });
    await widget.frame
        .getByText("Nothing is asked")
        .or(widget.frame.getByText("GHV5YW4F"))
        .first()
        .waitFor();
    const forged = {
        api: "toWidget",
        requestId: "forged-1",
        action: "send_event",
        widgetId: "w1",
        data: prompt(),
    };
    const origin = await clientOrigin();
    const elsewhere = origin.replace("127.0.0.1", "localhost");
    await page.evaluate(
        async ({ places, data }) => {
            for (const place of places) {
                const other = document.createElement("iframe");
                other.src = place;
                document.body.append(other);
                await new Promise((resolve) => other.addEventListener("load", resolve));
                other.contentWindow?.postMessage(data, "*");
            }
        },
        { places: [`${origin}/other.html`, `${elsewhere}/other.html`], data: forged },
    );
    const [popup] = await Promise.all([
        opened.context.waitForEvent("page"),
        page.evaluate((place) => {
            /** @type {any} */ (window).popup = window.open(place);
        }, `${origin}/other.html`),
    ]);
    await popup.waitForLoadState();
    await page.evaluate((data) => /** @type {any} */ (window).popup.postMessage(data, "*"), forged);
    // What the client itself says comes after all of these.
    await widget.feed(
        prompt({ id: "01JD0000000000000000000007", choices: [{ id: "ok", label: "Real" }] }),
    );
    await widget.frame.getByRole("button", { name: "Real" }).waitFor();

    assert.equal(await widget.frame.getByRole("button", { name: "Travel" }).count(), 0);
});

test("an answer with the right request id counts only from the client", async ({ open }) => {
    const opened = await open();
    const { page } = opened;
    await page.addInitScript(() => {
        /** @type {any} */ (window).seen = [];
        window.addEventListener("message", ({ data }) =>
            /** @type {any} */ (window).seen.push(data),
        );
    });
    await page.clock.install();
    const widget = await showWidget(opened, { silent: true });
    await page.waitForFunction(() =>
        /** @type {any} */ (window).seen.some(
            (/** @type {any} */ one) => one?.api === "fromWidget",
        ),
    );
    await page.evaluate(
        async (place) => {
            const other = document.createElement("iframe");
            other.src = place;
            document.body.append(other);
            await new Promise((resolve) => other.addEventListener("load", resolve));
            const { seen } = /** @type {any} */ (window);
            const to = { api: "toWidget", widgetId: "w1" };
            for (const data of [
                ...seen.map((/** @type {any} */ one) => Object.assign(one, { response: {} })),
                { ...to, requestId: "1", action: "supported_api_versions", data: {} },
                { ...to, requestId: "2", action: "capabilities", data: {} },
                {
                    ...to,
                    requestId: "3",
                    action: "notify_capabilities",
                    data: { requested: [], approved: [] },
                },
            ])
                other.contentWindow?.postMessage(data, "*");
        },
        `${await clientOrigin()}/other.html`,
    );
    await page.clock.fastForward(READY_MS_MAX);
    await widget.frame.getByText("Your Matrix client did not answer").waitFor();
});

test("a client that says nothing is told of, with a way on", async ({ open }) => {
    const opened = await open();
    await opened.page.clock.install();
    const widget = await showWidget(opened, { silent: true });
    await widget.frame.getByText("Asking your Matrix client").waitFor();
    await opened.page.clock.fastForward(READY_MS_MAX);
    await widget.frame.getByText("Your Matrix client did not answer").waitFor();
    const link = widget.frame.getByRole("link");

    assert.equal(await link.getAttribute("href"), "/");
    assert.equal(await link.getAttribute("target"), "_blank");
});

test("what the client refuses to send is not lost", async ({ open, expect }) => {
    expect(/error sending event/); // the client's own
    const widget = await showWidget(await open(), { timeline: [card(), prompt()] });
    await widget.refuse();
    await widget.frame.getByRole("button", { name: "Travel" }).click();
    await widget.frame.getByRole("alert").waitFor();

    assert.equal(await widget.frame.getByRole("button", { name: "Travel" }).isEnabled(), true);
});

test("alone in a tab the widget gives way to the home page", async ({ open, expect }) => {
    expect(/404/); // this stage has no services to ask
    const { page } = await open();
    await page.goto(`${BASE}/widget?widgetId=w1&parentUrl=https%3A%2F%2Fclient.example%2F`);
    await page.waitForURL(`${BASE}/`);
});

test("a frame touches no storage", async ({ open }) => {
    const opened = await open();
    await opened.page.addInitScript(() => {
        if (window.parent === window) return;
        for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"])
            Object.defineProperty(window, name, {
                get() {
                    queueMicrotask(() => {
                        throw new Error(`${name} was touched`);
                    });
                    throw new DOMException("refused", "SecurityError");
                },
            });
    });
    const widget = await showWidget(opened, { timeline: [card(), prompt()] });
    await widget.frame.getByRole("button", { name: "Travel" }).click();
    await widget.frame.getByText("Sent.").waitFor();
});

test("theme and language are the client's, from the beginning and when they change", async ({
    open,
}) => {
    const opened = await open();
    const widget = await showWidget(opened, {
        timeline: [card(), prompt()],
        theme: "dark",
        lang: "de",
    });
    await widget.frame.getByRole("button", { name: "Travel" }).waitFor();
    const root = widget.frame.locator("html");

    assert.equal(await root.getAttribute("lang"), "de");
    assert.match((await root.getAttribute("class")) ?? "", /cpd-theme-dark/);
    await widget.theme("light-high-contrast");
    await widget.language("uk-UA");
    await widget.frame.locator("html[lang=uk].cpd-theme-light-hc").waitFor();
});

test("everything can be done by keys, at 320 pixels, and axe finds nothing in any theme", async ({
    open,
}) => {
    const opened = await open();
    const { page } = opened;
    const form = {
        fields: [{ id: "text", kind: "long_text", label: "Your answer", required: true }],
    };
    const widget = await showWidget(opened, {
        timeline: [
            card({
                clock: { due_at_ms: Date.UTC(2100, 0, 1), rule: "Civil Status Act, section 24" },
            }),
            prompt(),
            prompt({ id: "01JD0000000000000000000006", choices: [], form }),
        ],
    });
    await widget.frame.getByRole("button", { name: "Travel" }).waitFor();
    for (const width of [320, 1000]) {
        await page.setViewportSize({ width, height: 900 });
        // In an ordinary run the wide one in one theme: its colours are those of the narrow one.
        for (const theme of width === 320 || IS_LONG ? THEMES : THEMES.slice(0, 1)) {
            await widget.theme(theme);
            await assertAccessible(page);
            await shoot(page, `widget-${width}-${theme}`);
        }
        const overflow = await widget.frame
            .locator("html")
            .evaluate((root) => root.scrollWidth - root.clientWidth);
        assert.equal(overflow, 0, `${width} px`);
    }
    await widget.frame.getByRole("button", { name: "Travel" }).focus();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await widget.frame.getByText("Sent.").waitFor();
    const [content] = await widget.sent();

    assert.equal(content.body, "Court");
});

test("words are words, whatever stands in them, and however many there are", async ({ open }) => {
    const opened = await open();
    const long = "ж".repeat(16_000); // 32 KiB
    const widget = await showWidget(opened, {
        timeline: [
            message({
                body: `${XSS}\n\nCase: ${XSS}\n\n${long}`,
                "org.veche.case": {
                    v: 1,
                    id: `${CASE}/../../x?"><b>`,
                    service: "s",
                    state: "x",
                    office: XSS,
                    history_len: 1,
                },
            }),
            prompt({ choices: [{ id: "x", label: XSS }] }),
            message({ body: XSS, "org.veche.document": { v: 1, title: XSS } }),
        ],
    });
    await widget.frame.getByRole("button", { name: "<img" }).click();
    await widget.frame.getByText("Sent.").waitFor();
    const href = await widget.frame.getByRole("link").first().getAttribute("href");
    const overflow = await widget.frame
        .locator("html")
        .evaluate((root) => root.scrollWidth - root.clientWidth);

    assert.equal(overflow, 0);
    assert.ok(href?.startsWith("/cases/") && !href.slice(7).includes("/"), String(href));
    assert.equal(await widget.frame.locator("img, b, script:not([src], [type])").count(), 0);
    assert.notEqual(await opened.page.title(), "owned");
});

test("what a key approves opens in a tab, never in the frame", async ({ open, expect }) => {
    expect(/status of 404/); // nobody asks for this approval
    const opened = await open();
    const approve = {
        kind: "release",
        nonce: "a".repeat(32),
        person: ALICE,
        shown: { to: "Town" },
    };
    const asked = prompt({
        choices: [
            { id: "yes", label: "Approve", approve },
            { id: "decline", label: "No" },
        ],
    });
    asked.content.body = `Tell the town?\n\nWith your key\nhttp://localhost/approve#${approve.nonce}`;
    const widget = await showWidget(opened, { timeline: [asked] });
    await widget.frame.getByText("Tell the town?").waitFor();
    assert.equal(await widget.frame.getByText("With your key").count(), 0, "the button says it");
    const [tab] = await Promise.all([
        opened.context.waitForEvent("page"),
        widget.frame.getByRole("button", { name: "Approve" }).click(),
    ]);
    await tab.waitForURL(/\/approve#/);

    assert.equal((await widget.sent()).length, 0);
    assert.equal(new URL(tab.url()).origin, BASE);
});

test("nobody frames the pages that have authority", async ({ open, expect }) => {
    expect(/frame-ancestors|Framing|refused to connect|ERR_BLOCKED_BY_RESPONSE/i);
    const { page } = await open();
    await page.goto(`${await clientOrigin()}/other.html`);
    for (const path of ["/", "/signin", "/keys", "/approve", "/services", "/cases/x"]) {
        await page.evaluate(async (place) => {
            const frame = document.createElement("iframe");
            frame.src = place;
            document.body.replaceChildren(frame);
            await new Promise((resolve) => frame.addEventListener("load", resolve));
        }, BASE + path);
        await until(
            () => page.frames()[1]?.url().startsWith("chrome-error:") ?? false,
            `${path} is refused in a frame`,
        );
    }
});
