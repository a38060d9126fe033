// stage: signing
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { BASE, ask, glance, look, test, until } from "./harness.js";
import { NAME, SESSION, STATE, atNew, choose, opened, service } from "./sign_new_fake.js";

/** @typedef {import("./sign_fake.js").Answer} Answer */

/** Fills in that Bob and Carol sign. @param {import("playwright-core").Page} page */
async function fillIn(page) {
    await page.getByLabel("What the document is").fill("Lease of the canary");
    await page.locator("main").getByLabel("Account").fill("@bob:localhost");
    await page.getByLabel("Name on the document").fill("Боб Браун");
    await page.getByRole("button", { name: "One more person" }).click();
    const second = page.getByRole("group", { name: "Person 2" });
    await second.getByLabel("Account").fill("carol");
    await second.getByLabel("Step").fill("2");
    await second.getByLabel("Box of the signature").selectOption("bottom left");
}

test("a form is brought into a file that all show alike, and sent without a byte of it", async ({
    open,
}) => {
    const { page, heard } = await atNew(open);
    const chosen = await choose(page, "form");
    await page.getByText("Its form was filled in for good").waitFor();
    await page.getByRole("heading", { name: "As you chose it" }).waitFor();
    await page.locator(".sheet-page canvas:not([width='0'])").nth(1).waitFor();
    await fillIn(page);
    await page.getByRole("button", { name: "Add a clause" }).click();
    await page.getByRole("textbox", { name: "Clause" }).fill("Penalty of the canary");
    await look(page, "sign-new");
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    await page.getByRole("heading", { name: "This will be sent" }).waitFor();
    await glance(page, "sign-new-review");
    await page.getByRole("button", { name: "Encrypt and send" }).click();
    await page.getByRole("heading", { name: "Now send the link yourself" }).waitFor();
    await glance(page, "sign-new-sent");

    const link = await page.locator(".share").innerText();
    const said = new URLSearchParams(new URL(link).hash.slice(1));
    await checkPassingOn(page, link);
    const [begun, put, sent] = heard;
    assert.deepEqual([heard.length, sent?.path], [3, `signing/v1/blind/${SESSION}/send`]);
    assert.deepEqual(
        begun?.body.parties.map((/** @type {any} */ one) => [one.party, one.role, one.user]),
        [
            ["p1", "signer", "@bob:localhost"],
            ["p2", "signer", "@carol:localhost"],
        ],
    );
    assert.deepEqual(
        begun?.body.stages.map((/** @type {any} */ one) => one.parties),
        [["p1"], ["p2"]],
    );
    const key = Buffer.from(said.get("k") ?? "", "base64url");
    const pdf = opened(key, put?.body, "veche.signing.blob");
    const digest = createHash("sha256").update(pdf).digest("base64url");
    assert.deepEqual([said.get("s"), said.get("d")], [SESSION, digest]);
    const { fields, pages, is_salted } = await ask("look_into", { pdf: pdf.toString("base64") });
    // A clause's box is where it is printed what is signed in it, whoever signs elsewhere.
    const laid = ["Sig2", "Sig1", "Sig1:c1", "Sig2:c1"];
    assert.deepEqual([fields, pages, is_salted], [laid, 2, true]);
    const matter = JSON.parse(
        opened(key, Buffer.from(begun?.body.matter, "base64"), "veche.signing.matter").toString(),
    );
    assert.deepEqual(
        [matter.title, matter.filename, matter.clauses, matter.names["@bob:localhost"]],
        ["Lease of the canary", NAME, [{ id: "c1", title: "Penalty of the canary" }], "Боб Браун"],
    );
    const veiled = (/** @type {string} */ words) =>
        createHash("sha256")
            .update(Buffer.from(matter.salt, "base64"))
            .update(words)
            .digest("base64")
            .replace(/=+$/, "");
    assert.equal(begun?.body.title_sha256, veiled(matter.title));
    assert.equal(begun?.body.clauses[0].title_sha256, veiled("Penalty of the canary"));

    const out = heard.map(({ body }) =>
        Buffer.isBuffer(body) ? body.toString("latin1") : JSON.stringify(body),
    );
    const secrets = ["canary", "Браун", said.get("k") ?? "?", chosen.toString("latin1", 400, 440)];
    for (const one of secrets) assert.ok(!out.join("\n").includes(one), one);
});

test("what was prepared outlives a reload and is gone once it is sent", async ({ open }) => {
    const { page } = await atNew(open);
    await choose(page, "plain");
    await fillIn(page);
    await until(async () => (await draft(page)).includes("carol"), "the draft is kept");

    await page.reload();
    await page.getByText(`${NAME}: 1 page`).waitFor();
    assert.equal(
        await page.locator("main").getByLabel("Account").first().inputValue(),
        "@bob:localhost",
    );
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    await page.getByRole("button", { name: "Encrypt and send" }).click();
    await page.getByRole("heading", { name: "Now send the link yourself" }).waitFor();
    const link = await page.locator(".share").innerText();
    assert.ok(!(await draft(page)).includes("form"), "the draft is gone");

    await page.reload();
    await page.getByRole("heading", { name: "Now send the link yourself" }).waitFor();
    assert.equal(await page.locator(".share").innerText(), link);
    await page.getByRole("button", { name: "I have sent the link" }).click();
    await page.getByRole("heading", { name: "Ask for signatures" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Ask for signatures" }).waitFor();
    assert.equal(await draft(page), "");
});

test("a file that can't be signed is refused with what would help", async ({ open }) => {
    const { page, alert } = await atNew(open);
    const told = {
        nothing: /This file is empty: choose one/,
        words: /no PDF/,
        locked: /locked by a password/,
        xfa: /print it as PDF/,
        signed: /signed already/,
        empty: /no pages/,
        cut: /damaged/,
    };
    for (const [kind, words] of Object.entries(told)) {
        await choose(page, kind);
        await alert.filter({ hasText: words }).waitFor();
        assert.equal(await page.locator("main").getByLabel("Account").count(), 0, kind);
    }
    await glance(page, "sign-new-refused");
    await choose(page, "plain");
    await page.locator("main").getByLabel("Account").waitFor();
    assert.equal(await alert.count(), 0);
});

test("what is missing is said where it is missing, and nothing is sent", async ({ open }) => {
    const { page, heard } = await atNew(open);
    await choose(page, "plain");
    await page.getByLabel("What the document is").fill(" ");
    await page.locator("main").getByLabel("Account").fill("not an account");
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    await page.getByText("Write what the document is").waitFor();
    await page.getByText("Write a Matrix account").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), "title");
    await page.locator("main").getByLabel("Account").fill("@bob:localhost");
    await page.getByLabel("Role").selectOption("witness");
    await page.getByText("Choose whom the witness sees sign.").waitFor();

    assert.equal(await page.getByRole("heading", { name: "This will be sent" }).count(), 0);
    assert.deepEqual(heard, []);
});

test("only certificates that the operator takes are offered, and it is said why no others", async ({
    open,
}) => {
    const none = await atNew(open, service(), true, {}, []);
    await choose(none.page, "plain");
    const main = none.page.locator("main");
    await main.getByText("With a certificate of their own nobody can sign here").waitFor();
    assert.equal(await main.getByLabel("Signs", { exact: true }).count(), 0);
    // Typed as in the chat, it is seen, and has to be taken back.
    await main.getByLabel("What the document is").fill("Lease");
    await main.getByLabel("In one line, as in the chat").fill("bob qualified");
    const chosen = main.getByLabel("Signs", { exact: true });
    assert.equal(await chosen.inputValue(), "S4");
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByText("Nobody can sign so here: choose “as everybody”.").waitFor();
    await glance(none.page, "sign-new-no-certificates");
    assert.equal(await main.getByRole("heading", { name: "This will be sent" }).count(), 0);
    await chosen.selectOption("");
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByRole("heading", { name: "This will be sent" }).waitFor();

    const some = await atNew(open, service(), true, {}, [{ name: "Bank", level: "S3" }]);
    await choose(some.page, "plain");
    await some.page.getByText("With a qualified certificate of their own nobody").waitFor();
    const offered = some.page.getByLabel("Signs", { exact: true }).locator("option");
    assert.deepEqual(
        await offered.evaluateAll((all) => all.map((one) => one.getAttribute("value"))),
        ["", "S3"],
    );
});

test("that nobody can sign so is said in the person's language, if it is found out late", async ({
    open,
    expect,
}) => {
    expect(/status of 400/);
    const refusal = { errcode: "ORG.VECHE.LEVEL_NOT_OFFERED", error: "level: cannot be S4 here" };
    const answers = {
        ...service(),
        "POST signing/v1/blind": () => ({
            isRefused: true,
            status: 400,
            body: { ...refusal, level: "S4", why: "authority" },
        }),
    };
    const { page } = await atNew(open, answers, true, {}, []);
    await page.goto(`${BASE}/sign/new?lang=de`);
    await choose(page, "plain");
    await page.getByLabel("Was das Dokument ist").fill("Mietvertrag");
    await page.locator("main").getByLabel("Konto").fill("bob");
    await page.getByRole("button", { name: "Ansehen, was gesendet wird" }).click();
    await page.getByRole("button", { name: "Verschlüsseln und senden" }).click();

    await page.getByText("So kann hier niemand unterschreiben: Der Betreiber").waitFor();
});

test("people typed in one line, as in the chat, become rows, and what can't be read is said", async ({
    open,
}) => {
    const { page } = await atNew(open);
    await choose(page, "plain");
    const main = page.locator("main");
    await main.getByLabel("Account").fill("bob");
    await main.getByLabel("Name on the document").fill("Bob Brown");
    const line = main.getByLabel("In one line, as in the chat");
    await line.fill("2 of bob, carol, dave then erin as king");
    await main.getByText("There is no such role: king").waitFor();
    assert.equal(await main.getByLabel("Account").count(), 1);

    await line.fill("Me then bob, carol as witness of me");
    await main.getByRole("group", { name: "Person 3" }).waitFor();
    assert.equal(await main.getByLabel("Account").first().inputValue(), "@alice:localhost");
    assert.equal(await main.getByLabel("Account").nth(1).inputValue(), "bob");

    await line.fill("2 of bob, carol, dave then erin as approver; copy to frank");
    await main.getByRole("group", { name: "Person 5" }).waitFor();
    const accounts = await main.getByLabel("Account").all();
    const typed = await Promise.all(accounts.map((one) => one.inputValue()));
    assert.deepEqual(typed, ["bob", "carol", "dave", "erin", "frank"]);
    assert.equal(await main.getByLabel("Name on the document").first().inputValue(), "Bob Brown");
    const enough = main.getByLabel("Signatures that are enough in step 1, of 3");
    assert.equal(await enough.inputValue(), "2");
    await glance(page, "sign-new-line");
});

/** @returns {{answers: Record<string, Answer>, ids: string[]}} a service that takes three documents */
function three() {
    const ids = ["C4", "C5", "C6"].map((end) => SESSION.slice(0, -2) + end);
    let begun = 0;
    /** @type {Map<string, string>} by the key of the act */
    const known = new Map();
    const stateOf = (/** @type {string} */ id) => ({
        ...STATE,
        session: id,
        code: `100${ids.indexOf(id)}`,
    });
    /** @type {Record<string, Answer>} */
    const answers = {
        "POST signing/v1/blind": ({ body }) => {
            const key = body.document.sha256;
            if (!known.has(key)) known.set(key, ids[begun++] ?? "none");
            return { ...stateOf(known.get(key) ?? ""), state: "draft", document_is_here: false };
        },
    };
    for (const id of ids) {
        const sent = { ...stateOf(id), state: "open", document_is_here: true };
        answers[`PUT signing/v1/blind/${id}/document`] = () => sent;
        answers[`POST signing/v1/blind/${id}/send`] = () => sent;
    }
    return { answers, ids };
}

/** @param {import("playwright-core").Page} page @param {string} words */
async function chooseTable(page, words) {
    await page.getByLabel("People of the first step, from a table").setInputFiles({
        name: "people.csv",
        mimeType: "text/csv",
        buffer: Buffer.from(words),
    });
}

/**
 * Each document went to one of them, with a key and a digest of its own.
 * @param {string[]} links
 * @param {string[]} ids
 * @param {import("./sign_fake.js").Heard[]} heard
 */
async function checkLinks(links, ids, heard) {
    const said = links.map((one) => new URLSearchParams(new URL(one).hash.slice(1)));
    assert.deepEqual(
        said.map((one) => one.get("s")),
        ids,
    );
    assert.equal(new Set(said.map((one) => one.get("k"))).size, 3);
    assert.equal(new Set(said.map((one) => one.get("d"))).size, 3);
    const begun = heard.filter((one) => one.path === "signing/v1/blind");
    assert.deepEqual(
        begun.map(({ body }) => body.parties.map((/** @type {any} */ one) => one.user)),
        [["@bob:localhost"], ["@carol:localhost"], ["@dave:localhost"]],
    );
    const asked = heard.filter((one) => one.path.endsWith("/send")).map((one) => one.path);
    assert.equal(new Set(asked).size, 3);
    for (const [at, one] of said.entries()) {
        const put = heard.find(
            (call) => call.method === "PUT" && call.path.includes(ids[at] ?? "?"),
        );
        const key = Buffer.from(one.get("k") ?? "", "base64url");
        const pdf = opened(key, put?.body, "veche.signing.blob").toString("base64");
        assert.deepEqual((await ask("look_into", { pdf })).fields, ["Sig1"]);
    }
}

test("each of a table gets a document and a key of their own, and what breaks off goes on", async ({
    open,
    expect,
}) => {
    expect(/status of 500/);
    const { answers, ids } = three();
    let isBroken = true;
    const path = `POST signing/v1/blind/${ids[1]}/send`;
    const whole = answers[path];
    const { page, heard, alert } = await atNew(open, {
        ...answers,
        [path]: (one) => (isBroken ? { isRefused: true, status: 500, body: {} } : whole?.(one)),
    });
    await choose(page, "plain");
    const main = page.locator("main");
    await main.getByLabel("What the document is").fill("Rules of the canary");
    await chooseTable(page, "bob;Bob Brown\nnobody at all;x");
    await alert.filter({ hasText: "Line 2 of the table begins with no account." }).waitFor();
    await chooseTable(page, "account;name\nbob;Bob Brown\n@carol:localhost;Carol Clark\ndave");
    await main.getByRole("group", { name: "Person 3" }).waitFor();
    assert.ok(await main.getByLabel("Each of the first step gets").isChecked());
    await look(page, "sign-new-each");
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByText("3, each with a key of its own").waitFor();
    await main.getByRole("button", { name: "Encrypt and send" }).click();
    await alert.filter({ hasText: "Something went wrong on our side." }).waitFor();
    await main.getByText("Sent already: 2.").waitFor();
    await glance(page, "sign-new-each-broken");

    isBroken = false;
    await page.reload();
    await main.getByText("Sent already: 2.").waitFor();
    assert.equal(await main.getByLabel("Account").first().inputValue(), "dave");
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByRole("button", { name: "Encrypt and send" }).click();
    await page.getByRole("heading", { name: "Now send the links yourself" }).waitFor();
    await glance(page, "sign-new-each-sent");

    const links = await page.locator(".share").allInnerTexts();
    await checkLinks(links, ids, heard);
    const saving = page.waitForEvent("download");
    await main.getByRole("button", { name: "Save all links" }).click();
    const download = await saving;
    const text = readFileSync(await download.path(), "utf8");
    for (const one of [...links, "1000", "1002", "@dave:localhost"])
        assert.ok(text.includes(one), one);
});

test("who is not signed in prepares all of it, and signs in before it is sent", async ({
    open,
}) => {
    const { page, heard } = await atNew(open, service(), false);
    await choose(page, "plain");
    await page.getByLabel("What the document is").fill("Lease");
    await page.locator("main").getByLabel("Account").fill("bob");
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    await page.getByText("Sign in from your encrypted chat to send it.").waitFor();

    const href = await page.locator("main a", { hasText: "Sign in" }).getAttribute("href");
    assert.equal(href, "/signin#return=%2Fsign%2Fnew");
    assert.equal(await page.getByRole("button", { name: "Encrypt and send" }).count(), 0);
    assert.deepEqual(heard, []);
});

test("whose session ended meanwhile is told to sign in, and nothing of a link", async ({
    open,
    expect,
}) => {
    expect(/status of 401/);
    const { page, alert } = await atNew(open, {
        ...service(),
        "POST signing/v1/blind": () => ({ isRefused: true, status: 401, body: {} }),
    });
    await choose(page, "plain");
    await page.getByLabel("What the document is").fill("Lease");
    await page.locator("main").getByLabel("Account").fill("bob");
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    await page.getByRole("button", { name: "Encrypt and send" }).click();

    await page.getByText("Sign in from your encrypted chat to send it.").waitFor();
    assert.equal(await alert.count(), 0);
});

test("what breaks off is sent again as the same", async ({ open, expect }) => {
    expect(/status of 500/);
    let isFirst = true;
    const answers = service();
    const { page, heard } = await atNew(open, {
        ...answers,
        [`PUT signing/v1/blind/${SESSION}/document`]: (one) => {
            if (!isFirst) return answers[`PUT signing/v1/blind/${SESSION}/document`]?.(one);
            isFirst = false;
            return { isRefused: true, status: 500, body: {} };
        },
    });
    await choose(page, "plain");
    await page.getByLabel("What the document is").fill("Lease");
    await page.locator("main").getByLabel("Account").fill("bob");
    await page.getByRole("button", { name: "Look at what will be sent" }).click();
    const send = page.getByRole("button", { name: "Encrypt and send" });
    await send.click();
    await page.getByText("Something went wrong on our side.").waitFor();
    await send.click();
    await page.getByRole("heading", { name: "Now send the link yourself" }).waitFor();

    const begun = heard.filter(({ path }) => path === "signing/v1/blind");
    assert.deepEqual(begun[0]?.body, begun[1]?.body);
    const puts = heard.filter(({ method }) => method === "PUT");
    assert.ok(puts[0]?.body.equals(puts[1]?.body));
});

/** @param {import("playwright-core").Page} page @returns {Promise<string>} what the browser keeps */
function draft(page) {
    return page.evaluate(async () => {
        const names = await indexedDB.databases();
        if (!names.some(({ name }) => name === "veche-sign-new")) return "";
        /** @type {IDBDatabase} */
        const database = await new Promise((resolve, reject) => {
            const request = indexedDB.open("veche-sign-new");
            request.addEventListener("success", () => resolve(request.result));
            request.addEventListener("error", () => reject(request.error));
        });
        const store = database.transaction("drafts").objectStore("drafts");
        /** @type {any[]} */
        const all = await new Promise((resolve) => {
            const request = store.getAll();
            request.addEventListener("success", () => resolve(request.result));
        });
        database.close();
        return all.map((one) => JSON.stringify({ ...one, file: undefined })).join("\n");
    });
}

/**
 * A name opens a chat with that person, and the message beside the link has all that they need.
 * @param {import("playwright-core").Page} page
 * @param {string} link
 */
async function checkPassingOn(page, link) {
    const names = page.locator("main li a[href^='matrix:']");
    assert.deepEqual(
        await names.evaluateAll((found) => found.map((one) => one.getAttribute("href"))),
        ["matrix:u/bob:localhost?action=chat", "matrix:u/carol:localhost?action=chat"],
    );
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    /** @param {string} name */
    const copied = async (name) => {
        await page.getByRole("button", { name }).click();
        await page.getByText("Copied").waitFor();
        return page.evaluate(() => navigator.clipboard.readText());
    };
    const message = await copied("Copy a message with it");
    await until(async () => (await copied("Copy the link")) === link, "the link alone is copied");
    const [told = "", address, ...more] = message.split("\n");
    assert.deepEqual([address, more], [link, []]);
    for (const words of ["Lease of the canary", "no server can read it", "Your code has to be"])
        assert.ok(told.includes(words), words);
}
