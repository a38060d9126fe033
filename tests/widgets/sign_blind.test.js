// stage: signing
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { keyHere } from "./approvals_fake.js";
import { BASE, ask, glance, look, press, test } from "./harness.js";
import { keepSession } from "./kept_session.js";
import { PATH, SESSION, refused, serve, table } from "./sign_fake.js";

/** @typedef {import("./sign_fake.js").Answer} Answer */
/** @typedef {import("./harness.js").Stage} Stage */

/** @type {Answer} */
const take = async ({ body }) => {
    const taken = await ask("take_blind", { body });
    return taken.is_stale ? refused("STALE_REVISION") : taken.session;
};

/** @param {Record<string, unknown>[]} keys @returns {Record<string, Answer>} */
function blindTable(keys) {
    return {
        ...table(keys),
        [`POST ${PATH}/ask`]: ({ body }) => ask("ask_blind", { body }),
        "POST signing/v1/certificates": ({ body }) => ask("certify_blind", { body }),
        [`POST ${PATH}/signatures`]: take,
        [`POST ${PATH}/closing`]: take,
        [`POST ${PATH}/doubt`]: () => ({}),
        [`POST ${PATH}/link`]: () => ({ party: "p1", token: "t".repeat(32) }),
    };
}

/**
 * @param {Stage["open"]} open
 * @param {{begun?: Record<string, unknown>, isSignedIn?: boolean, link?: "private" | "of_bot"}} [options]
 * @param {(answers: Record<string, Answer>) => Record<string, Answer>} [changed]
 */
async function atSign(open, options = {}, changed = (one) => one) {
    const { begun: wanted = {}, isSignedIn = true, link = "private" } = options;
    const begun = await ask("begin_blind", wanted);
    const { page, context } = await open({ reducedMotion: "reduce" });
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page);
    await ask("enrol", { public_key });
    if (isSignedIn) await keepSession(page);
    const heard = await serve(context, changed(blindTable([listed])));
    await page.goto(`${BASE}/sign#${begun[link]}`);
    const alert = page.locator("main .banner.critical");
    return { page, heard, begun, alert };
}

/** @param {import("playwright-core").Page} page signs once a press counts */
async function sign(page) {
    await page.getByLabel("I have read it elsewhere").check();
    const button = page.getByRole("button", { name: "Sign", exact: true });
    await press(button);
}

/** @param {import("./sign_fake.js").Heard[]} heard @param {string} act @returns {any[]} */
const posted = (heard, act) =>
    heard.filter(({ path }) => path === `${PATH}/${act}`).map(({ body }) => body);

test("the last one who signs closes the file, which no request has carried", async ({ open }) => {
    const { page, heard, begun } = await atSign(open);
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    await page.getByText("Private: only those who have this link").waitFor();
    await page.getByText("Боб Браун (@bob:localhost)").first().waitFor();
    await page.locator(".sheet-page canvas:not([width='0'])").first().waitFor();
    await look(page, "sign-blind");
    await sign(page);
    await page
        .getByText("Everyone who is needed has signed, and the document is closed.")
        .waitFor();
    await page.getByText("This page has checked every signature in it.").waitFor();
    await page.getByText("The service deletes what it keeps of it on").waitFor();
    await glance(page, "sign-blind-closed");

    const found = await ask("verdict");
    assert.deepEqual([found.findings, found.signers], [[], ["Alice Adams"]]);
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save the closed file" }).click();
    const download = await saving;
    assert.equal(download.suggestedFilename(), "lease-signed.pdf");
    assert.equal(readFileSync(await download.path()).toString("base64"), found.file);

    const out = heard.map(({ body }) =>
        Buffer.isBuffer(body) ? body.toString("base64") : JSON.stringify(body ?? ""),
    );
    const key = new URLSearchParams(begun.private).get("k") ?? "?";
    const secrets = ["Lease", "Браун", key, begun.document.slice(4000, 4040)];
    for (const one of secrets) assert.ok(!out.join("\n").includes(one), one);
});

test("a document of which nothing is kept any more is told so, and nobody is accused", async ({
    open,
}) => {
    const { alert, heard } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async (one) => {
            const told = /** @type {any} */ (await answers[`GET ${PATH}`]?.(one));
            return { ...told, is_deleted: true, matter: null, revisions: [] };
        },
    }));
    await alert.filter({ hasText: "has deleted what it kept of this document" }).waitFor();
    assert.equal(posted(heard, "doubt").length, 0);
});

test("who asked for the signatures has it deleted, and is told before what goes and what stays", async ({
    open,
}) => {
    /** @type {Record<string, unknown>} */
    let said = { may_delete: true };
    const { page, heard } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async (one) => ({
            .../** @type {any} */ (await answers[`GET ${PATH}`]?.(one)),
            ...said,
        }),
        [`POST ${PATH}/delete`]: () => {
            const deletes_at_ms = Date.UTC(2031, 4, 6, 12);
            said = { may_delete: false, deletes_at_ms };
            return { deletes_at_ms };
        },
    }));
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    await sign(page);
    const begin = page.getByRole("button", { name: "Delete it here" });
    await begin.click();
    const dialog = page.getByRole("dialog", { name: "Delete this document here?" });
    await dialog.getByText("The service tells everyone who takes part").waitFor();
    await dialog.getByText("What stays with the service: digests of the document").waitFor();
    await look(page, "sign-delete");
    await dialog.getByRole("button", { name: "Back" }).click();
    assert.deepEqual(posted(heard, "delete"), []);

    await begin.click();
    await dialog.getByRole("button", { name: "Delete it", exact: true }).click();
    await page.getByText(/The service deletes what it keeps of it on .*2031/).waitFor();
    assert.equal(posted(heard, "delete").length, 1);
    assert.equal(await begin.count(), 0);
});

// long
test("whoever opens it after a last signer who has left closes it", async ({ open, expect }) => {
    expect(/status of 403/);
    let isLost = true;
    const { page, heard } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/closing`]: (one) => {
            if (!isLost) return answers[`POST ${PATH}/closing`]?.(one);
            return refused("FORBIDDEN", 403);
        },
    }));
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    await sign(page);
    await page.locator("main .banner.critical").waitFor();
    isLost = false;
    await page.reload();
    await page
        .getByText("Everyone who is needed has signed, and the document is closed.")
        .waitFor();

    assert.deepEqual((await ask("verdict")).findings, []);
    assert.equal(posted(heard, "closing").length, 2);
});

test("who opens the link says who they are first", async ({ open }) => {
    const { page, heard, begun } = await atSign(open, { isSignedIn: false });
    await page.getByRole("heading", { name: "Somebody asks you to sign a document" }).waitFor();
    await glance(page, "sign-blind-who");
    const href = await page.locator("main a", { hasText: "Sign in" }).getAttribute("href");
    assert.equal(href, `/signin#return=${encodeURIComponent(`/sign#${begun.private}`)}`);
    assert.deepEqual(heard, []);
});

// long
test("private documents of a list are opened by their links, and signed by one press", async ({
    open,
}) => {
    const { page, heard, begun } = await atSign(open, {}, (answers) => ({
        ...answers,
        "GET signing/v1/waiting": () => ask("waiting_blind"),
        "POST signing/v1/asks": ({ body }) => ask("ask_list_blind", { body }),
    }));
    const { fragment } = await ask("waiting_blind");
    await page.goto(`${BASE}/sign#${fragment}`);
    await page.getByText("1 private document waits for you.").waitFor();
    await page.getByRole("link", { name: "Private document, asked by @bob:localhost" }).waitFor();
    const links = page.getByLabel("Links of who asks you, as many as you have");
    await look(page, "sign-list-private");
    await links.fill("https://elsewhere.example/#nothing");
    await links.blur();
    await page.getByText("A link that you pasted is of no private document").waitFor();
    const key = new URLSearchParams(begun.private).get("k") ?? "?";
    const wrong = begun.private.replace(key, `${"A".repeat(42)}A`);
    await links.fill(`${BASE}/sign#${wrong}`);
    await links.blur();
    await page
        .getByText("The link is of another document")
        .or(page.locator("#private-links-error"))
        .first()
        .waitFor();
    assert.equal(await page.locator(".document-line").count(), 0);

    await links.fill(`Here it is:\n${BASE}/sign#${begun.private}\nGreetings, Bob`);
    await links.blur();
    const line = page.locator(".document-line");
    await line.getByText("Lease of flat 12b").waitFor();
    assert.equal(await page.locator("textarea").count(), 0);
    await page.getByLabel("I know these documents").check();
    const button = page.getByRole("button", { name: "Sign 1 document", exact: true });
    await press(button);
    await page.getByText("1 document is signed.").waitFor();
    await page.getByText("Private ones do not").waitFor();
    await glance(page, "sign-list-private-signed");

    const found = await ask("verdict");
    assert.deepEqual([found.findings, found.signers], [[], ["Alice Adams"]]);
    const out = heard.map(({ body }) =>
        Buffer.isBuffer(body) ? body.toString("base64") : JSON.stringify(body ?? ""),
    );
    for (const one of ["Lease", key]) assert.ok(!out.join("\n").includes(one), one);
});

test("the bot's link takes the key out of the link of who asks", async ({ open }) => {
    const { page, begun } = await atSign(open, { link: "of_bot", isSignedIn: false });
    await page.getByRole("heading", { name: "The document is private" }).waitFor();
    await glance(page, "sign-blind-paste");
    const field = page.getByLabel("Link of who asks you");
    await field.fill("https://elsewhere.example/#nothing");
    await field.blur();
    assert.equal(
        await field.evaluate((/** @type {HTMLInputElement} */ one) => one.validity.valid),
        false,
    );
    await field.fill(`${BASE}/sign#${begun.private}`);
    await field.blur();
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    assert.ok(page.url().includes(`p=p1&t=${"t".repeat(32)}&k=`), page.url());
});

test("a document that the service has swapped is refused, and who asks is told", async ({
    open,
}) => {
    const { page, heard, alert } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/link`]: async (one) => {
            await ask("swap");
            return answers[`POST ${PATH}/link`]?.(one);
        },
    }));
    await alert.filter({ hasText: "This is not the document that was agreed on" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Sign", exact: true }).count(), 0);
    assert.deepEqual(posted(heard, "doubt"), [{ party: "p1", revision: 0, fault: "document" }]);
});

test("a title that the service does not say the digest of is refused", async ({ open }) => {
    const { heard, alert } = await atSign(open, { begun: { title: "Sale of flat 12b" } });
    await alert.filter({ hasText: "another title or other clauses" }).waitFor();
    assert.deepEqual(posted(heard, "doubt"), [{ party: "p1", revision: 0, fault: "matter" }]);
});

test("what another party handed in and is no signature stops the next one", async ({ open }) => {
    const { page, heard, alert } = await atSign(open, { begun: { has_bob: true } }, (answers) => ({
        ...answers,
        [`POST ${PATH}/link`]: async (one) => {
            await ask("garbage");
            return answers[`POST ${PATH}/link`]?.(one);
        },
    }));
    await alert.filter({ hasText: "A signature of somebody else" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Sign", exact: true }).count(), 0);
    const [doubt] = posted(heard, "doubt");
    assert.deepEqual([doubt.party, doubt.revision, doubt.fault], ["p1", 1, "signature"]);
});

test("a key of another document opens nothing", async ({ open }) => {
    const { page, begun, alert } = await atSign(open, { isSignedIn: true });
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    const said = new URLSearchParams(begun.private);
    const other = Buffer.alloc(32, 7).toString("base64url");
    await page.goto(`${BASE}/sign#s=${SESSION}&k=${other}&d=${said.get("d")}`);
    await alert.filter({ hasText: "can't be opened: the link is damaged" }).waitFor();
});
