// stage: receipts
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { glance, look, test } from "./harness.js";
import { VerifyPage } from "./pages/verify.js";

const MADE = JSON.parse(readFileSync(process.env.VECHE_RECEIPTS ?? "", "utf-8"));
/** @type {Record<string, [string, string]>} what is said, and how the steps stand */
const SAID = {
    not_a_receipt: ["This file is not a receipt", ""],
    unknown_signer: ["Nobody can tell here", "open open open open"],
    wrong_signature: ["it was changed", "bad open open open"],
    other_entry: ["entry in it is of something else", "good bad open open"],
    not_in_block: ["its entry is not in the ledger's block", "good good bad open"],
    bad_head: ["not signed by the same ledger", "good good good bad"],
    not_published: ["there are two ledgers", "good good good bad"],
};
const STATES = [
    ["good", ": checked"],
    ["bad", ": wrong"],
    ["open", ": not checked"],
];

/** @param {VerifyPage} verify */
async function states(verify) {
    const steps = await verify.steps.allInnerTexts();
    return steps
        .map((step) => STATES.find(([, words]) => step.endsWith(words ?? ""))?.[0])
        .join(" ");
}

/** @param {import("./harness.js").Stage["open"]} open @param {(id: string) => any} [proof] */
async function atVerify(open, proof = () => ({ status: 404, json: {} })) {
    const { page } = await open();
    const verify = new VerifyPage(page);
    await verify.visit(MADE.keys, proof);
    return verify;
}

test("a genuine receipt is shown with what it says, and the file goes nowhere", async ({
    open,
}) => {
    const verify = await atVerify(open);
    await verify.choose(MADE.good);
    await verify.genuine.waitFor();

    const facts = await verify.facts.innerText();
    for (const words of ["Bäckerei „Zum Ofen“ 😀", "12.59 EUR", "Brötchen", MADE.id])
        assert.ok(facts.includes(words), words);
    assert.equal(await states(verify), "good good good open");
    assert.deepEqual(verify.asked, ["keys"]);
    await look(verify.page, "verify");
});

test("each kind of false receipt is refused with its reason", async ({ open }) => {
    const verify = await atVerify(open);
    for (const [fault, file] of Object.entries(MADE.false)) {
        const [words, steps] = SAID[fault] ?? ["", ""];
        await verify.choose(file);
        await verify.banner.filter({ hasText: words }).waitFor();

        assert.equal(await verify.genuine.count(), 0, fault);
        assert.equal(await verify.facts.count(), 0, fault);
        assert.equal(await states(verify), steps, fault);
    }
    await verify.choose("");
    await verify.banner.filter({ hasText: "This file is empty" }).waitFor();
    assert.equal(await states(verify), "");
    await verify.choose("{".repeat(70_000));
    await verify.banner.filter({ hasText: "This file is not a receipt" }).waitFor();
    await verify.choose(MADE.false.not_published);
    await verify.banner.filter({ hasText: "there are two ledgers" }).waitFor();
    await glance(verify.page, "verify-false");
});

test("the published ledger is asked on a button alone", async ({ open, expect }) => {
    expect(/status of 404/);
    const answers = [
        { status: 404, json: { errcode: "ORG.VECHE.NOT_FOUND", error: "x" } },
        { status: 200, json: MADE.proof },
        { status: 200, json: MADE.other_proof },
    ];
    const verify = await atVerify(open, () => answers.shift());
    await verify.choose(MADE.good);
    await verify.look.click();
    await verify.alert.filter({ hasText: "does not know the receipt" }).waitFor();
    await verify.look.click();
    await verify.page.getByText("The published ledger had 5 blocks then").waitFor();

    assert.equal(await states(verify), "good good good good");
    assert.deepEqual(
        verify.asked.filter((one) => one !== "keys"),
        [MADE.id, MADE.id],
    );
    await verify.look.click();
    await verify.banner.filter({ hasText: "there are two ledgers" }).waitFor();
    assert.equal(await verify.genuine.count(), 0);
});

test("a receipt of another server is checked with the key of that server", async ({ open }) => {
    const verify = await atVerify(open);
    await verify.choose(MADE.false.unknown_signer);
    await verify.banner.filter({ hasText: "other.example/veche/ledger/v1/0" }).waitFor();
    await verify.another.click();
    await verify.key.fill("not a key");
    await verify.key.press("Enter");
    await verify.page.getByText("This is not a key.").waitFor();
    await verify.key.fill(MADE.foreign_key);
    await verify.key.press("Tab");
    await verify.genuine.waitFor();

    assert.match(await verify.facts.innerText(), /other\.example/);
});
