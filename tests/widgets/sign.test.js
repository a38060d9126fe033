// stage: signing
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { BASE, ask, glance, look, press, test, until } from "./harness.js";
import { atSign } from "./sign_begun.js";
import { PATH, refused } from "./sign_fake.js";
import { read } from "./sign_reader.js";

/** @typedef {import("./sign_fake.js").Answer} Answer */
/** @typedef {import("./harness.js").Stage} Stage */

/** @param {import("./sign_fake.js").Heard[]} heard @param {string} path */
const posted = (heard, path) => heard.filter((one) => one.method === "POST" && one.path === path);

test("who has seen every page signs it, and the document goes nowhere", async ({ open }) => {
    const { page, heard, begun, sign } = await atSign(open);
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    assert.ok(await sign.isDisabled());
    await page
        .getByText("3 pages were not on the screen yet.")
        .or(page.getByText("2 pages were not on the screen yet."))
        .waitFor();

    await read(page);
    await page.getByRole("listitem").filter({ hasText: "terms.txt" }).waitFor();
    const first = page.locator(".sheet-page").first();
    await first.evaluate((one) => one.scrollIntoView());
    await first.locator("canvas:not([width='0'])").waitFor();
    await look(page, "sign");
    await page
        .locator(".sheet-page")
        .first()
        .getByText("Договор аренды")
        .waitFor({ state: "attached" });
    await press(sign);
    await page.getByText("You have signed this document.").waitFor();

    const found = await ask("verdict");
    assert.deepEqual(found.findings, ["tail_not_time_stamped"]);
    assert.deepEqual([found.closed, found.signers], ["sealed", ["Alice Adams"]]);
    assert.equal(found.is_shown, 1);
    assert.deepEqual(posted(heard, `${PATH}/ask`)[0]?.body.read, "all_pages");
    const sent = heard.map(({ body }) =>
        Buffer.isBuffer(body) ? body.toString("base64") : JSON.stringify(body),
    );
    const parts = [begun.document.slice(0, 40), begun.document.slice(4000, 4040), "Lease of flat"];
    for (const part of parts.slice(0, 2))
        assert.ok(
            sent.every((one) => !one?.includes(part)),
            part,
        );

    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save the file" }).click();
    const saved = readFileSync(await (await saving).path());
    assert.equal(saved.toString("base64"), found.file);
    await page.getByRole("button", { name: "Show exactly what was signed" }).click();
    await page.locator(".sheet-page").nth(2).waitFor();
    await glance(page, "sign-signed");
});

test("whoever signs meanwhile costs no second approval", async ({ open, expect }) => {
    expect(/status of 409/);
    let isFirst = true;
    const { page, heard, sign } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/signatures`]: async (one) => {
            if (isFirst) await ask("bob_signs");
            isFirst = false;
            return answers[`POST ${PATH}/signatures`]?.(one);
        },
    }));
    await read(page);
    await press(sign);
    await page.getByText("You have signed this document.").waitFor();

    const found = await ask("verdict");
    assert.deepEqual(
        [found.closed, found.signers, found.certified],
        ["sealed", ["Боб Браун", "Alice Adams"], 1],
    );
    assert.equal(posted(heard, `${PATH}/ask`).length, 1);
});

test("who has signed, and never heard of it, is shown so at the next press", async ({
    open,
    expect,
}) => {
    expect(/status of 4/);
    const { page, sign, alert } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/ask`]: async (one) => {
            const { you } = await ask("session");
            return you.state === "signed"
                ? refused("ALREADY_SIGNED")
                : answers[`POST ${PATH}/ask`]?.(one);
        },
        // It is taken, and what is answered is lost.
        [`POST ${PATH}/signatures`]: async (one) => {
            await answers[`POST ${PATH}/signatures`]?.(one);
            return refused("LOST", 400);
        },
    }));
    await read(page);
    await press(sign);
    await alert.waitFor();
    await press(sign);
    await page.getByText("You have signed this document.").waitFor();

    assert.equal(await alert.count(), 0);
    assert.equal(await sign.count(), 0);
});

test("a press that comes too early signs nothing", async ({ open }) => {
    const { page, heard, sign } = await atSign(open);
    await read(page);
    await page.getByLabel("I have read it elsewhere").check();
    await page.evaluate(() => {
        const buttons = [...document.querySelectorAll("main button")];
        const box = /** @type {HTMLInputElement} */ (document.querySelector(".tick input"));
        box.click();
        box.click();
        window.dispatchEvent(new Event("focus"));
        /** @type {HTMLElement} */ (
            buttons.find((one) => one.textContent?.trim() === "Sign")
        )?.click();
    });
    await sign.waitFor();

    assert.equal(posted(heard, `${PATH}/ask`).length, 0);
});

test("each clause is answered on its own, and what was read elsewhere is written down", async ({
    open,
}) => {
    const { page, heard, sign } = await atSign(open, { hasClauses: true });
    await page.getByLabel("I have read it elsewhere").check();
    await page.getByText("Your answer to “Penalty” is missing.").waitFor();
    await page.getByLabel("I agree to this clause in particular").check();
    await page.getByText("Your answer to “News by e-mail” is missing.").waitFor();
    await page.getByLabel("I don't agree; I sign the rest").check();
    await glance(page, "sign-clauses");
    await press(sign);
    await page.getByText("You have signed this document.").waitFor();

    const [asked] = posted(heard, `${PATH}/ask`);
    assert.equal(asked?.body.read, "elsewhere");
    assert.deepEqual(asked?.body.clauses, [
        { id: "c7", accepted: true },
        { id: "c9", accepted: false },
    ]);
    const found = await ask("verdict");
    assert.deepEqual([found.closed, found.boxes], ["sealed", ["Sig1", "Sig1:c7"]]);
    assert.equal(found.certified, 1);
});

test("a clause is never signed in a box of another, nor left out", async ({ open }) => {
    /** @type {((clauses: any[]) => any[])[]} */
    const swaps = [
        (clauses) => clauses.map((one) => (one.field ? { ...one, field: "Sig2" } : one)),
        (clauses) => clauses.map((one) => (one.field ? { ...one, id: "c8" } : one)),
        (clauses) => clauses.map((one) => ({ ...one, field: null })),
        (clauses) => clauses.filter((one) => !one.field),
    ];
    let swap = swaps[0];
    const { page, alert } = await atSign(open, { hasClauses: true }, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async () => {
            const view = await ask("session");
            return { ...view, clauses: swap?.(view.clauses) };
        },
    }));
    for (swap of swaps) {
        await page.reload();
        await alert.filter({ hasText: "changed on its way" }).waitFor();
    }
});

test("to what somebody else has signed a signature is added, and their name stands there", async ({
    open,
}) => {
    const { page, begun, sign } = await atSign(open, { isSigned: true });
    await page.getByText("Others had signed this document before it was sent to you:").waitFor();
    await page.getByText("Carol Clark").waitFor();
    await page.getByLabel("I have read it elsewhere").check();
    await glance(page, "sign-added");
    await press(sign);
    await page.getByText("You have signed this document.").waitFor();

    const found = await ask("verdict");
    assert.deepEqual([found.closed, found.signers], ["sealed", ["Carol Clark", "Alice Adams"]]);
    const whole = Buffer.from(found.file, "base64");
    assert.ok(
        whole
            .subarray(0, Buffer.from(begun.document, "base64").length)
            .equals(Buffer.from(begun.document, "base64")),
    );
});

test("whether others had signed a document is not believed", async ({ open }) => {
    for (const isSigned of [true, false]) {
        const { alert } = await atSign(open, { isSigned }, (answers) => ({
            ...answers,
            [`GET ${PATH}`]: async () => {
                const view = await ask("session");
                return { ...view, document: { ...view.document, is_signed: !isSigned } };
            },
        }));
        await alert.filter({ hasText: "changed on its way" }).waitFor();
    }
});

test("another document than was agreed on is refused", async ({ open }) => {
    /** @type {[string, (view: any) => any, string][]} */
    const swaps = [
        [
            "digest",
            (view) => ({ ...view, document: { ...view.document, sha256: "A".repeat(43) } }),
            "changed on its way",
        ],
        [
            "code",
            (view) => ({ ...view, code: view.code === "0000" ? "0001" : "0000" }),
            "changed on its way",
        ],
        ["parties", (view) => ({ ...view, parties: view.parties.slice(1) }), "changed on its way"],
        [
            "pages",
            (view) => ({ ...view, document: { ...view.document, pages: 2 } }),
            "changed on its way",
        ],
        ["box", (view) => ({ ...view, you: { ...view.you, field: "Sig9" } }), "changed on its way"],
        [
            "blob",
            (view) => ({ ...view, document: { ...view.document, blob: "0".repeat(64) } }),
            "can't be opened",
        ],
    ];
    let swap = swaps[0]?.[1];
    const { page, alert } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async () => swap?.(await ask("session")),
    }));
    for (const [name, changed, words] of swaps) {
        swap = changed;
        await page.reload();
        await alert.filter({ hasText: words }).waitFor();
        assert.equal(
            await page.getByRole("button", { name: "Sign", exact: true }).count(),
            0,
            name,
        );
    }
});

test("what is asked, or given, otherwise than it stands on the page is not signed", async ({
    open,
}) => {
    const { page, heard, sign, alert } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/ask`]: async (one) => {
            const answer = /** @type {any} */ (await answers[`POST ${PATH}/ask`]?.(one));
            answer.asked.shown.title = "Sale of flat 12b";
            return answer;
        },
    }));
    await read(page);
    await press(sign);
    await alert.filter({ hasText: "something else than what stands on this page" }).waitFor();
    assert.equal(posted(heard, "signing/v1/certificates").length, 0);

    const other = await atSign(open, {}, (answers) => ({
        ...answers,
        "POST signing/v1/tsa": () => Buffer.from("nonsense"),
    }));
    await read(other.page);
    await press(other.sign);
    await other.alert.filter({ hasText: "No time stamp could be got" }).waitFor();
    assert.equal(posted(other.heard, `${PATH}/signatures`).length, 0);
    await glance(other.page, "sign-no-stamp");
});

/** The session of somebody without a box in the file. */
async function withoutBox() {
    const { you, ...view } = await ask("session");
    const { field: _, ...rest } = you;
    return { ...view, you: { ...rest, level: "S1" } };
}

test("who has no box in the file hands in the approval alone", async ({ open }) => {
    const { page, heard, sign } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: withoutBox,
        [`POST ${PATH}/signatures`]: withoutBox,
    }));
    await read(page);
    await press(sign);
    await until(() => posted(heard, `${PATH}/signatures`).length > 0, "it is handed in");

    const [handed] = posted(heard, `${PATH}/signatures`);
    const { approval } = handed?.body.approval ?? {};
    assert.deepEqual(
        [approval.kind, approval.shown.level, approval.shown.key],
        ["signature", "S1", undefined],
    );
    assert.equal(handed?.body.revision, undefined);
    assert.equal(posted(heard, "signing/v1/certificates").length, 0);
});

test("who declines says why, with the key of the device", async ({ open }) => {
    const { page, heard } = await atSign(open);
    await page.getByRole("button", { name: "Decline" }).first().click();
    await page.getByLabel("I need more time").check();
    await page.getByLabel("In your words").fill("Until Friday, please.");
    await page.getByRole("dialog").getByRole("button", { name: "Decline" }).click();
    await page.getByText("You have declined to sign.").waitFor();

    const [handed] = posted(heard, `${PATH}/decline`);
    assert.deepEqual(
        [handed?.body.reason_code, handed?.body.reason, handed?.body.approval.approval.kind],
        ["need_time", "Until Friday, please.", "decline"],
    );
    // Guardians of whoever declines are not asked.
    assert.deepEqual(
        posted(heard, `${PATH}/ask`).map(({ body }) => body.is_refusal),
        [true],
    );
});

test("who has chosen guardians reads that they are asked first", async ({ open, expect }) => {
    expect(/status of 409/);
    const { page, sign, alert, heard } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/ask`]: () => refused("GUARDIANS_FIRST"),
    }));
    await read(page);
    await press(sign);
    await alert.getByText("have to agree first, as you wanted it").waitFor();
    assert.deepEqual(
        posted(heard, `${PATH}/ask`).map(({ body }) => body.is_refusal),
        [undefined],
    );
    assert.equal(posted(heard, "/_veche/signing/v1/certificates").length, 0);
    await glance(page, "sign-guarded");
});

/**
 * The page of a list with one document, and one that is signed by itself.
 * @param {Stage["open"]} open
 * @param {(answers: Record<string, Answer>) => Record<string, Answer>} [changed]
 */
async function atList(open, changed) {
    const { page, heard, alert } = await atSign(open, {}, changed);
    const { fragment } = await ask("waiting");
    await page.goto(`${BASE}/sign#${fragment}`);
    const sign = page.getByRole("button", { name: "Sign 1 document", exact: true });
    return { page, heard, sign, fragment, alert };
}

test("a list is read in its lines, and signed by one press", async ({ open }) => {
    const { page, heard, sign } = await atList(open);
    await page.getByText("Open the documents and read them").waitFor();
    await page.getByText("3 more documents wait for you").waitFor();
    await page.getByRole("link", { name: "House rules" }).waitFor();
    await look(page, "sign-list");
    await page.getByRole("button", { name: "Read", exact: true }).click();
    const sheets = page.locator(".sheet-page");
    await sheets.nth(2).waitFor();
    for (const at of [0, 1, 2]) {
        await sheets.nth(at).evaluate((one) => one.scrollIntoView({ block: "center" }));
        await sheets.nth(at).locator("canvas:not([width='0'])").waitFor();
    }
    await page.getByText("· read", { exact: false }).waitFor();
    await press(sign);
    await page.getByText("1 document is signed.").waitFor();
    await glance(page, "sign-list-signed");

    const found = await ask("verdict");
    assert.deepEqual(found.findings, ["tail_not_time_stamped"]);
    assert.deepEqual([found.closed, found.signers], ["sealed", ["Alice Adams"]]);
    const [asked] = posted(heard, "signing/v1/asks");
    assert.deepEqual([asked?.body.read, asked?.body.documents.length], ["all_pages", 1]);
    assert.equal(posted(heard, `${PATH}/ask`).length, 0);
});

test("of a list nothing is signed that is not in its lines", async ({ open }) => {
    const { page, heard, sign, alert } = await atList(open, (answers) => ({
        ...answers,
        "POST signing/v1/asks": async (one) => {
            const answer = /** @type {any} */ (await answers["POST signing/v1/asks"]?.(one));
            const { shown } = answer.asked;
            shown.documents = [...shown.documents, { ...shown.documents[0], title: "A sale" }];
            return answer;
        },
    }));
    await page.getByLabel("I know these documents").check();
    await press(sign);
    await alert.filter({ hasText: "something else than what stands on this page" }).waitFor();
    assert.equal(posted(heard, "signing/v1/certificates").length, 0);

    await page.getByRole("checkbox", { name: "Lease of flat 12b" }).uncheck();
    await page.getByText("No document is chosen.").waitFor();
});

test("a document of a list that is not what was agreed on is named and not signed", async ({
    open,
}) => {
    const { page, heard, sign } = await atList(open, (answers) => ({
        ...answers,
        blob: () => Buffer.from("another file"),
    }));
    await page.getByLabel("I know these documents").check();
    await press(sign);
    await page.getByText("1 document was not signed; its line says why.").waitFor();
    await page.locator(".document-line").getByText("can't be opened").waitFor();
    assert.equal(posted(heard, "signing/v1/certificates").length, 0);
    await glance(page, "sign-list-failed");
});

// long
test("a link to a list that was cut off or is too old says what to do", async ({
    open,
    expect,
}) => {
    expect(/status of 404/);
    const { page, fragment } = await atList(open, (answers) => ({
        ...answers,
        "GET signing/v1/waiting": () => refused("NOT_FOUND", 404),
    }));
    await page.getByText("This link is not valid any more").waitFor();
    await page.goto(`${BASE}/sign#${fragment.slice(0, -5)}`);
    await page.getByText("the key of the list is missing at its end").waitFor();
});

test("a link that was cut off, an old link and a device without a key say what to do", async ({
    open,
    expect,
}) => {
    expect(/status of 404/);
    const { page, begun } = await atSign(open);
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    await page.goto(`${BASE}/sign#${begun.fragment.slice(0, -5)}`);
    await page.getByText("This link was cut off").waitFor();
    await glance(page, "sign-no-link");

    const old = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: () => refused("NOT_FOUND", 404),
    }));
    await old.alert.filter({ hasText: "This link is not valid any more" }).waitFor();

    const bare = await atSign(open, { hasKey: false });
    await read(bare.page);
    await press(bare.sign);
    await bare.page.getByRole("link", { name: "Make a key for this device" }).waitFor();
});

// long
test("who leaves the page to make a key goes on reading where they were", async ({ open }) => {
    const { page, sign } = await atSign(open);
    await read(page);
    await until(() => sign.isEnabled(), "all is read");
    const here = page.url();
    await page.goto(`${BASE}/keys`);
    await page.goto(here);
    await page.getByText("3 of 3 pages were on the screen.").waitFor();

    await until(() => sign.isEnabled(), "it is still read");
    await page.evaluate(() => sessionStorage.clear());
    await page.goto(`${BASE}/keys`);
    await page.goto(here);
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    assert.ok(await sign.isDisabled());
});
