// stage: app
// What the app's elements show of what others write, each by itself.
// What is played in a page is one function, and reaches nothing around it.
/* oxlint-disable max-lines-per-function, unicorn/consistent-function-scoping */
import assert from "node:assert/strict";
import { laboratory } from "./app_lab.js";
import { test } from "./harness.js";

/** What is cleaned is parsed first; our policy notes what it would not run. */
const NOT_RUN = /Applying inline style|Executing inline event handler/;

test("of somebody's HTML what Matrix allows is left, and leads nowhere else", async (stage) => {
    stage.expect(NOT_RUN);
    const { run } = await laboratory(stage);
    const found = await run(async ({ at }) => {
        const { readable } = await at("app/html.js");
        let fetched = 0;
        const media = () => ((fetched += 1), new Promise(() => {}));
        const shown = (/** @type {string} */ source) => {
            const root = document.createElement("div");
            root.append(readable(source, media));
            return root.innerHTML;
        };
        const deep = 150;
        const nested = document.createElement("div");
        nested.append(readable("<b>".repeat(deep) + "x", media));
        let depth = 0;
        for (let one = nested.firstElementChild; one; one = one.firstElementChild) depth += 1;
        const many = document.createElement("div");
        many.append(readable('<img src="mxc://a/b" alt="p">'.repeat(40), media));
        return {
            ...{ depth, images: many.querySelectorAll("img").length, fetched },
            gone: [
                "<script>x</script>",
                "<style>x</style>",
                "<iframe>x</iframe>",
                "<svg onload=x>x</svg>",
                "<math>x</math>",
                "<textarea>x</textarea>",
                "<title>x</title>",
                "<template>x</template>",
                "<mx-reply>x</mx-reply>",
            ].map(shown),
            bare: [
                '<b onclick="x" style="x" class="x" id="x">x</b>',
                '<b data-x="x" aria-label="x">x</b>',
                '<form action="x">x</form>',
                '<a href="javascript:x">x</a>',
                '<a href="data:x">x</a>',
                '<a href="mxc://a/b">x</a>',
                '<span data-mx-color="red">x</span>',
                '<code class="official">x</code>',
                '<p href="https://x.test" src="mxc://a/b">x</p>',
            ].map(shown),
            link: shown('<a href="https://x.test" target="_self">x</a>'),
            person: shown('<a href="https://matrix.to/#/@%:x">x</a>'),
            picture: shown('<img src="https://x.test/a.png" alt="p">'),
            path: shown('<img src="mxc://a/../b" alt="p">'),
            wide: shown('<img src="mxc://a/b" width="99999" height="9">'),
            list: shown('<ol start="5"><li>x</li></ol>'),
            colour: shown('<span data-mx-color="#ff0000">x</span>'),
            spoiler: shown('<span data-mx-spoiler="<b>">x</span>'),
        };
    });

    assert.ok(found.depth <= 101, `${found.depth} levels`);
    assert.equal(found.images, 30);
    assert.deepEqual(found.gone, Array(found.gone.length).fill(""));
    assert.deepEqual(
        found.bare.map((/** @type {string} */ one) => one.replace(/ (?:target|rel)="[^"]+"/g, "")),
        [
            ...["<b>x</b>", "<b>x</b>", "x", "<a>x</a>", "<a>x</a>", "<a>x</a>", "<span>x</span>"],
            ...["<code>x</code>", "<p>x</p>"],
        ],
    );
    const out = 'target="_blank" rel="noopener noreferrer"';
    assert.equal(found.link, `<a href="https://x.test" ${out}>x</a>`);
    assert.equal(found.person, '<a href="#/chats/with/%40%25%3Ax" class="person-link">x</a>');
    assert.deepEqual([found.picture, found.path], ["p", "p"]);
    assert.equal(found.wide, '<img width="800" height="9">');
    assert.equal(found.list, '<ol start="5"><li>x</li></ol>');
    assert.match(found.colour, /style="color: rgb\(255, 0, 0\);"/);
    assert.match(found.spoiler, /^<details class="spoiler"><summary>&lt;b&gt;<\/summary>/);
});

test("a message shows who sent it, and no more than a screen can bear", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at, event, secret, ...lab }) => {
        await at("app/elements/message.js");
        const { AppAttachment } = await at("app/elements/attachment.js");
        const { AppWindowed } = await at("app/elements/windowed.js");
        const { linkTo, words } = await at("app/elements/card.js");
        const { lineOf, noteWords } = await at("app/elements/words.js");
        const { render } = await import("lit");
        const draw = async (/** @type {any} */ one) => {
            document.body.append(one);
            await one.updateComplete;
            await Promise.all(
                [...one.querySelectorAll("app-html, app-attachment")].map(
                    (/** @type {any} */ inner) => inner.updateComplete,
                ),
            );
            return one;
        };
        const message = (/** @type {any} */ content, /** @type {any} */ more = {}) =>
            draw(
                Object.assign(document.createElement("app-message"), {
                    message: {
                        ...{ id: "$x", sender: lab.FRIEND, name: "Ben", at_ms: 1, readers: [] },
                        ...{ kind: "message", reactions: [], event: event({}), content, ...more },
                    },
                }),
            );
        const text = async (/** @type {any} */ content, more = {}) =>
            (await message(content, more)).querySelector(".bubble").innerText;
        const prompt = { msgtype: "m.text", body: "Pay?", "org.veche.prompt": {} };
        const ofBot = { event: secret({ sender: lab.BOT }), sender: lab.BOT };
        const long = await message({ msgtype: "m.text", body: "x".repeat(65_000) });
        const shown = long.querySelector("p.text").innerText.length;
        long.querySelector("button.link-button").click();
        await long.updateComplete;
        const whole = long.querySelector("p.text").innerText.length;
        const html = (/** @type {number} */ length) => ({
            ...{ msgtype: "m.text", body: "plain", format: "org.matrix.custom.html" },
            formatted_body: `<b>rich${"x".repeat(length)}</b>`,
        });
        const link = await message({
            msgtype: "m.text",
            body: "javascript://xyz https://x.test/a?b.",
        });
        const seeds = [{ key: "1", count: 1, names: [], mine: undefined }];
        const reactions = async (/** @type {any} */ more) =>
            (await message(prompt, { reactions: seeds, ...more })).querySelectorAll(".reaction")
                .length;
        const sides = [1e308, -5, "x", 10, { a: 1 }].map((w) => {
            const one = new AppAttachment();
            one.content = { msgtype: "m.image", info: { w, h: 10 } };
            const out = document.createElement("div");
            render(one._picture(), out);
            return Number(out.querySelector("svg")?.getAttribute("width"));
        });
        const large = Object.assign(new AppAttachment(), {
            content: { msgtype: "m.image", info: { size: 1e9 }, body: "a.png" },
        });
        const broken = Object.assign(new AppAttachment(), {
            content: { msgtype: "m.file", body: `\u202egpj.exe${"y".repeat(500)}` },
        });
        await Promise.all([large, broken].map(draw));
        broken.isBroken = true;
        await broken.updateComplete;
        const list = Object.assign(new AppWindowed(), {
            items: Array.from({ length: 50_000 }, (_, id) => ({ id })),
        });
        await draw(list);
        const pages = document.querySelector('meta[name="veche-pages"]')?.getAttribute("content");
        const linked = (/** @type {string} */ address) =>
            linkTo({ content: { formatted_body: `<a href="${address}">x</a>` } }, "/sign");
        const out = document.createElement("div");
        render(words({ content: { body: { a: 1 }, formatted_body: 5 } }), out);
        const named = { event: event({ type: "m.room.name", content: {} }), name: "Ben" };
        return {
            ...{ shown, whole },
            stranger: await text(prompt),
            mine: await text(prompt, { isMine: true }),
            ofBot: await text(prompt, ofBot),
            rich: await text(html(10)),
            tooRich: await text(html(60_000)),
            links: [...link.querySelectorAll("a")].map((one) => one.href),
            ofBotReactions: await reactions(ofBot),
            ofStrangerReactions: await reactions({}),
            sides,
            large: large.querySelector("button.file")?.textContent.includes("a.png"),
            broken: broken.innerText,
            rows: list.querySelectorAll("li").length,
            linked: [`${pages}/sign?a&amp;b`, "https://elsewhere.test/sign", "https://"].map(
                (one) => linked(one) ?? null,
            ),
            pages,
            words: out.textContent,
            line: lineOf({ body: "a\n".repeat(1_000) }).length,
            noName: noteWords(named),
        };
    });

    assert.match(found.stranger, /@ben:localhost/);
    assert.doesNotMatch(found.mine, /@ben/);
    assert.doesNotMatch(found.ofBot, /@veche/);
    assert.deepEqual([found.shown, found.whole], [4_001, 65_000]);
    assert.match(found.rich, /richx/);
    assert.match(found.tooRich, /plain/);
    assert.deepEqual(found.links, ["https://x.test/a?b"]);
    assert.deepEqual([found.ofBotReactions, found.ofStrangerReactions], [0, 1]);
    assert.deepEqual(found.sides, [320, 320, 320, 10, 320]);
    assert.equal(found.large, true, "offered as a file");
    assert.match(found.broken, /This file can't be opened\. It is damaged or no longer there\./);
    assert.match(found.broken, /gpj\.exe/);
    assert.doesNotMatch(found.broken, /\u202e|y{300}/);
    assert.ok(found.rows < 100, `${found.rows} rows`);
    assert.deepEqual(found.linked, [`${found.pages}/sign?a&b`, null, null]);
    assert.equal(found.words, "[object Object]");
    assert.ok(found.line <= 160);
    assert.match(found.noName, /called this chat/);
});
