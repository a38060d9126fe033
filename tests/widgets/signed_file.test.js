// stage: receipts
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { answer } from "./answers.js";
import { BASE, glance, look, test } from "./harness.js";

/** @type {Record<string, string>} */
const MADE = JSON.parse(readFileSync(process.env.VECHE_SIGNED ?? "", "utf-8"));

/** @param {string} name */
const fileOf = (name) => Buffer.from(MADE[name] ?? "", "base64");

/** @param {string} name @returns {string} what `sha256sum` says of it */
const digest = (name) => createHash("sha256").update(fileOf(name)).digest("hex");

const ASKED = ["/_veche/signing/v1/authorities", "/_veche/signing/v1/ca/root.cer"];

/**
 * @param {import("./harness.js").Stage["open"]} open
 * @param {string} [root] none: there is none
 * @param {object[]} [authorities] elsewhere, that the operator names
 */
async function atVerify(open, root = "root", authorities = []) {
    const { page } = await open();
    /** @type {string[]} */
    const asked = [];
    await answer(page.context(), /\/_veche\//, (route) => {
        const { pathname } = new URL(route.request().url());
        asked.push(pathname);
        if (pathname.endsWith("/authorities")) return route.fulfill({ json: { authorities } });
        return route.fulfill(
            root
                ? { body: fileOf(root), contentType: "application/pkix-cert" }
                : { status: 404, json: { errcode: "M_UNRECOGNIZED", error: "x" } },
        );
    });
    await page.goto(`${BASE}/verify`);
    const choose = (/** @type {string} */ name) =>
        page.getByLabel("The receipt or the document").setInputFiles({
            name: "document.pdf",
            mimeType: "application/pdf",
            buffer: fileOf(name),
        });
    const said = page.locator("main .banner");
    return { page, asked, choose, said, facts: page.locator("main .facts") };
}

test("a genuine document says who signed it and when, and the file goes nowhere", async ({
    open,
}) => {
    const { page, asked, choose, said, facts } = await atVerify(open);
    await choose("closed");
    await said.filter({ hasText: "This document is genuine" }).waitFor();

    const words = await facts.innerText();
    for (const one of ["Alice Adams", "@alice.adams:example.org", "Боб Браун", "identity checked"])
        assert.ok(words.includes(one), one);
    // What `sha256sum` says of the file, and of what it was before.
    const told = words.replace(/\s+/gu, " ");
    assert.ok(told.includes(`of this file ${digest("closed")}`), told);
    assert.ok(
        told.includes(`of the document before anybody signed it ${digest("document")}`),
        told,
    );
    assert.deepEqual(asked.toSorted(), ASKED);
    await look(page, "verify-document");
});

test("what an operator says of an authority elsewhere is told as their word", async ({ open }) => {
    const certificate = MADE.root?.replace(/=+$/, "");
    const named = { name: "Trust of Lindenau", level: "S4", certificate, policies: [] };
    const { page, choose, said, facts } = await atVerify(open, "root", [named]);
    await choose("closed");
    await said.filter({ hasText: "This document is genuine" }).waitFor();

    const words = await facts.innerText();
    assert.match(words, /below Trust of Lindenau: qualified, according to the operator/u);
    assert.match(words, /Certificate issued by /u);
    await glance(page, "verify-operator");
});

test("an authority counts for certificates with its policies alone", async ({ open }) => {
    const certificate = MADE.root?.replace(/=+$/, "");
    const policies = ["0.4.0.194112.1.2"];
    const named = { name: "Trust of Lindenau", level: "S4", certificate, policies };
    const { choose, said, facts } = await atVerify(open, "root", [named]);
    await choose("closed");
    await said.filter({ hasText: "This document is genuine" }).waitFor();

    assert.doesNotMatch(await facts.innerText(), /qualified/u);
});

test("exactly what was signed can be saved", async ({ open }) => {
    const { page, choose, said } = await atVerify(open);
    await choose("changed");
    await said.filter({ hasText: "Do not rely on this document" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Save exactly" }).count(), 0);

    await choose("closed");
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save exactly what was signed" }).click();
    const saved = readFileSync(await (await saving).path());

    assert.ok(saved.equals(fileOf("document")));
});

test("what is false, open or of others is called so", async ({ open }) => {
    const { page, choose, said, facts } = await atVerify(open);
    for (const [name, words, reason] of [
        ["changed", "Do not rely on this document", "It was changed after it was signed."],
        ["hidden", "Do not rely on this document", "Something was added that not all programs"],
        ["open", "not all of it is proven", "No time stamp closes it."],
        ["foreign", "who signed or when is not proven", "Nobody whom you trust knows the signer."],
        ["added_to", "That was not checked.", "Additions after a signature were not checked."],
        ["apart", "Nobody can tell", "It is a signature of another kind"],
        ["zip", "Nobody can tell", "Another program made this container"],
        ["unread", "Nobody can tell", "Check it with the program that made it."],
        ["foreign", "who signed or when is not proven", "Nobody whom you trust knows the signer."],
    ]) {
        await choose(name ?? "");
        await said.filter({ hasText: words }).waitFor();
        await page.locator("main .checks li").filter({ hasText: reason }).waitFor();
    }
    assert.match(await facts.innerText(), /Carol/);
    await glance(page, "verify-document-unproven");
    for (const [name, words] of [
        ["document", "Nobody has signed this document."],
        ["packed", "Nobody has signed this document."],
        ["other", "Nobody can tell"],
    ]) {
        await choose(name ?? "");
        await said.filter({ hasText: words }).waitFor();
        assert.equal(await facts.count(), 0);
    }
});

test("a container of any files is judged as a document is", async ({ open }) => {
    const { asked, choose, said, facts, page } = await atVerify(open);
    await choose("container");
    await said.filter({ hasText: "This document is genuine" }).waitFor();
    const words = await facts.innerText();
    for (const one of ["Alice Adams", "Боб Браун", "identity checked", "lease.txt"])
        assert.ok(words.includes(one), one);

    await choose("changed_container");
    await said.filter({ hasText: "Do not rely on this document" }).waitFor();
    await page.locator("main .checks li").filter({ hasText: "It was changed after" }).waitFor();
    assert.deepEqual(new Set(asked), new Set(ASKED));

    await page.getByLabel("The receipt or the document").setInputFiles({
        name: "mail.asice",
        mimeType: "application/octet-stream",
        buffer: Buffer.concat([Buffer.from("From: bob\r\n\r\n"), fileOf("container")]),
    });
    await said.filter({ hasText: "Nobody can tell" }).waitFor();
    await page
        .getByText("Other bytes stand before the signed file in it")
        .filter({ hasText: "Ask for the file once more" })
        .waitFor();
});

test("the root of another authority is chosen as a file", async ({ open, expect }) => {
    expect(/status of 404/);
    const { page, choose, said } = await atVerify(open, "");
    await choose("foreign");
    await said.filter({ hasText: "who signed or when is not proven" }).waitFor();
    await page.getByText("A document of another authority").click();
    const root = page.getByLabel("Certificate of that authority");
    await root.setInputFiles({ name: "x.pem", mimeType: "text/plain", buffer: Buffer.from("x") });
    await page.getByText("This file is not a certificate.").waitFor();

    const buffer = fileOf("foreign_root");
    await root.setInputFiles({ name: "root.pem", mimeType: "application/x-pem-file", buffer });

    await said.filter({ hasText: "This document is genuine" }).waitFor();
});

test("a receipt after a document is a receipt", async ({ open, expect }) => {
    expect(/status of 404/);
    const { page, choose, said } = await atVerify(open, "");
    await choose("closed");
    await said.first().waitFor();
    await page.getByLabel("The receipt or the document").setInputFiles({
        name: "receipt.json",
        mimeType: "application/json",
        buffer: Buffer.from("{}"),
    });

    await said.filter({ hasText: "This file is not a receipt" }).waitFor();
    assert.equal(await said.count(), 1);
});

test("exactly what was signed is shown page by page", async ({ open }) => {
    const { page, choose, said } = await atVerify(open);
    await choose("closed");
    await said.filter({ hasText: "This document is genuine" }).waitFor();
    const shown = page.getByLabel("Show exactly what was signed");
    assert.deepEqual(await shown.locator("option").allInnerTexts(), [
        "Nothing",
        "As it was before anybody signed",
        "As Alice Adams signed it",
        "As Боб Браун signed it",
    ]);

    for (const label of ["As it was before anybody signed", "As Alice Adams signed it"]) {
        await shown.selectOption({ label });
        const sheet = page.locator(".sheet-page").filter({ hasText: "Pay 100 EUR to Bob" });
        await sheet.first().waitFor({ state: "attached" });
    }
    await glance(page, "verify-document-shown");
});
