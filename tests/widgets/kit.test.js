// stage: pages
import assert from "node:assert/strict";
import { showWidget } from "./client.js";
import { BASE, look, test } from "./harness.js";
import { card, prompt } from "./room.js";

const PAGES = [
    "/",
    "/services",
    "/services/a/b",
    "/cases/x",
    "/signin",
    "/keys",
    "/approve",
    "/verify",
];
const SECURE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
};

test("every answer of the pages has the headers that keep it safe", async ({ open, expect }) => {
    expect(/404/); // this stage has no services to ask
    const { page, context } = await open();
    /** @type {import("playwright-core").Response[]} */
    const answers = [];
    context.on("response", (answer) => answers.push(answer));
    for (const path of PAGES) {
        const response = await page.goto(BASE + path);
        await page.waitForLoadState("networkidle");

        assert.equal(response?.status(), 200, path);
    }
    const own = answers.filter((answer) => !answer.url().includes("/_veche/"));
    assert.ok(own.length > PAGES.length);
    for (const answer of own) {
        const headers = answer.headers();
        const csp = headers["content-security-policy"] ?? "";
        for (const [name, value] of Object.entries(SECURE))
            assert.equal(headers[name], value, `${answer.url()}: ${name}`);
        assert.match(csp, /default-src 'none'/, answer.url());
        assert.match(csp, /frame-ancestors 'none'/, answer.url());
        assert.doesNotMatch(csp, /unsafe/, answer.url());
        assert.equal(headers["set-cookie"], undefined, answer.url());
        const kept = answer.url().includes("/static/") ? /immutable/ : /no-cache|no-store/;
        assert.match(headers["cache-control"] ?? "", kept, answer.url());
    }
});

test("a script that the policy does not know is not run", async ({ open, expect }) => {
    expect(/404|Content Security Policy|requires .Trusted/);
    const { page } = await open();
    await page.goto(`${BASE}/services`);
    const refused = await page.evaluate(() => {
        const script = document.createElement("script");
        const inline = document.createElement("script");
        const tries = [
            () => (document.body.innerHTML = "<i>x</i>"),
            () => (script.src = "data:text/javascript,window.owned=true"),
            () => (inline.text = "window.owned=true"),
        ];
        return tries.map((one) => {
            try {
                one();
                return "taken";
            } catch (error) {
                return /** @type {Error} */ (error).name;
            }
        });
    });
    // An inline script that got into the document before any policy of types: its digest is unknown.
    await page.route(`${BASE}/services/with-script/x`, async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace(
            "<body>",
            "<body><script>window.owned=1</script>",
        );
        await route.fulfill({ response, body });
    });
    await page.goto(`${BASE}/services/with-script/x`);

    assert.deepEqual(refused, ["TypeError", "TypeError", "TypeError"]);
    assert.equal(await page.evaluate(() => "owned" in window), false);
});

test("without scripts a page says what works without it", async ({ open }) => {
    const { page } = await open({ javaScriptEnabled: false });
    await page.goto(`${BASE}/`);

    assert.match(
        await page.locator("noscript").innerText(),
        /The bot in your room works without it/,
    );
});

test("a clock of this machine that is wrong closes no question", async ({ open }) => {
    const opened = await open();
    const day_ms = 24 * 60 * 60 * 1000;
    await opened.page.clock.setFixedTime(Date.now() + 40 * day_ms);
    const asked = prompt({ expires_at_ms: Date.now() + day_ms });
    const widget = await showWidget(opened, { timeline: [card(), asked] });

    await widget.frame.getByRole("button", { name: "Travel" }).waitFor();
});

test("a page says how long a new key waits here, and one person has one colour", async ({
    open,
    expect,
}) => {
    expect(/404/); // this stage has no services to ask
    const { page } = await open();
    await page.goto(`${BASE}/sign`);
    await page.waitForLoadState("networkidle");
    const found = await page.evaluate(async () => {
        const all = performance.getEntriesByType("resource").map((one) => one.name);
        const at = (/** @type {string} */ end) =>
            import(all.find((one) => one.endsWith(end)) ?? end);
        const { problem } = await at("/sign/parts.js");
        const { NoKeyError } = await at("/sign/signing.js");
        const { colourOf, mark } = await at("/kit/marks.js");
        const { t } = await at("/kit/i18n.js");
        const { render } = await at("/lit-html.js").catch(() => import("lit"));
        /** @param {unknown} what */
        const drawn = (what) => {
            const box = document.createElement("div");
            render(what, box);
            return box;
        };
        const said = [0, 1, 1800].map((one) => drawn(problem(new NoKeyError(one * 60_000))));
        const names = ["Alice", "Alice Adams", ""];
        const alice = names.map((name) => drawn(mark({ address: "@alice:a.test", name })));
        return {
            said: said.map((one) => one.textContent ?? ""),
            colours: alice.map((one) => one.querySelector(".mark")?.className ?? ""),
            colour: colourOf("@alice:a.test"),
            turned: t("{a}, {b}.", { a: ["שרה 5", "Anna"], b: "evil\u2069\u202eabc" }),
        };
    });
    const [none, one, many] = found.said;
    assert.doesNotMatch(none ?? "A new key", /A new key/);
    assert.match(one ?? "", /after 1 minute:/);
    assert.match(many ?? "", /after 30 hours:/);
    assert.equal(found.turned, "\u2068שרה 5\u2069, Anna, evilabc.");
    assert.deepEqual([...new Set(found.colours)], [`mark ${found.colour}`]);
});

/** @param {Record<string, unknown>} more @returns {object} what the signing bot asks */
const asked = (more) => ({
    "org.veche.sign_request": { title: "Lease", from_name: "Town", ...more },
});

test("a document that an office had signed stands once, and says for whom it waits", async ({
    open,
    expect,
}) => {
    expect(/404/); // this stage has no services to ask
    const { page } = await open();
    await page.goto(`${BASE}/sign`);
    const signing = [
        asked({ id: "s1", state: "completed" }),
        { "org.veche.sign_result": { session: "s1", final_sha256: "F" } },
        asked({ id: "s2", state: "open", prompt: {}, page: "/sign#2" }),
        asked({ id: "s3", state: "open" }),
        asked({ id: "s4", state: "completed" }),
        { "org.veche.sign_result": { session: "s4", final_sha256: "G" } },
    ];
    const office = [{ "org.veche.document": { id: "c", sha256: "F", title: "T" } }];
    const found = await page.evaluate(
        async (said) => {
            const script = /** @type {HTMLScriptElement} */ (
                document.querySelector("script[type=module]")
            );
            const files = script.src.replace(/sign\/main\.js$/, "");
            const { papers } = await import(`${files}app/elements/papers.js`);
            const rooms = said.map(([name, all]) => {
                const events = all.map((content, at) => ({
                    getSender: () => "@veche_signing:localhost",
                    isEncrypted: () => true,
                    shouldAttemptDecryption: () => false,
                    replacingEvent: () => null,
                    getContent: () => content,
                    getTs: () => at,
                    getId: () => `$${name}${at}`,
                }));
                const getLiveTimeline = () => ({ getEvents: () => events });
                return { roomId: `!${name}`, name, getLiveTimeline };
            });
            return [rooms, rooms.toReversed()].map((all) =>
                papers({ getRooms: () => all })
                    .map((/** @type {any} */ { href, from, isWaiting, isOpen }) =>
                        [decodeURIComponent(href), from, isWaiting, isOpen].join(" "),
                    )
                    .toSorted(),
            );
        },
        /** @type {[string, object[]][]} */ ([
            ["signing", signing],
            ["office", office],
        ]),
    );
    const wanted = [
        "#/chats/!office/at/$office0 office false false",
        "#/chats/!signing/at/$signing3 Town false true",
        "#/chats/!signing/at/$signing5 Town false false",
        "/sign#2 Town true true",
    ];

    assert.deepEqual(found, [wanted, wanted]);
});

test("a button without a name and pale words are found by the looks of the tests", async ({
    open,
}) => {
    const { page } = await open();
    await page.goto(`${BASE}/signin`);
    await page.getByRole("heading").first().waitFor();
    await page.evaluate(() => {
        document.querySelector("main")?.append(document.createElement("button"));
    });
    await assert.rejects(() => look(page, "kit-nameless"), /button-name/);
    await page.evaluate(() => {
        const pale = document.createElement("p");
        pale.textContent = "pale words";
        pale.style.color = "#777777";
        pale.style.background = "#999999";
        document.querySelector("main > button:last-of-type")?.replaceWith(pale);
    });
    await assert.rejects(() => look(page, "kit-pale"), /color-contrast/);
});
