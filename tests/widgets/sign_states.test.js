// stage: signing
import assert from "node:assert/strict";
import { answer } from "./answers.js";
import { BASE, ask, gate, press, test } from "./harness.js";
import { keepSession } from "./kept_session.js";
import { atSign } from "./sign_begun.js";
import { PATH } from "./sign_fake.js";
import { read } from "./sign_reader.js";

test("a closed document says until when it is here, and one that is deleted says so", async ({
    open,
}) => {
    /** @type {Record<string, unknown>} */
    let told = { state: "completed", deletes_at_ms: Date.UTC(2031, 4, 6, 12) };
    const { page, alert } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async (one) => ({
            .../** @type {any} */ (await answers[`GET ${PATH}`]?.(one)),
            ...told,
        }),
    }));
    await page.getByText(/The service deletes the document on .*2031/).waitFor();
    told = { ...told, is_deleted: true, revisions: [], deletes_at_ms: null };
    await page.reload();
    await alert.filter({ hasText: "has deleted what it kept of this document" }).waitFor();
});

test("who has signed reads how it ended", async ({ open }) => {
    let state = "open";
    /** @type {string | null} */
    let seenBy = null;
    const { page } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async (one) => {
            const view = /** @type {any} */ (await answers[`GET ${PATH}`]?.(one));
            const you = { ...view.you, state: "signed", can_act: false };
            const [first, ...rest] = view.parties;
            return { ...view, state, you, parties: [{ ...first, identified_by: seenBy }, ...rest] };
        },
    }));
    const promised = page.getByText("the closed document comes to your chat");
    const banner = page.locator("main .banner").first();
    for (const [next, words] of /** @type {[string, string][]} */ ([
        ["open", "When everyone who is needed has signed"],
        ["completed", "Everyone who is needed has signed, and the document is closed."],
        ["cancelled", "The person who asked for signatures has taken it back."],
        ["expired", "The time for signing is over."],
        ["declined", "Somebody declined, so nothing is signed here any more."],
    ])) {
        state = next;
        await page.reload();
        await banner.filter({ hasText: words }).waitFor();
        await banner.filter({ hasText: "You have signed this document." }).waitFor();
        assert.equal(await promised.count(), state === "open" ? 1 : 0, state);
    }
    // A guest has no chat: the page is where it is kept for them.
    seenBy = "Carol Clark";
    for (state of ["open", "completed"]) {
        await page.reload();
        await banner.filter({ hasText: "Keep the link of this page" }).waitFor();
    }
});

test("who signs last reads when the document is closed, and saves it so, without opening it anew", async ({
    open,
}) => {
    let state = "sealing";
    const { page } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`GET ${PATH}`]: async (one) => {
            const view = /** @type {any} */ (await answers[`GET ${PATH}`]?.(one));
            const you = { ...view.you, state: "signed", can_act: false };
            const final_sha256 = state === "completed" ? view.document.sha256 : null;
            return { ...view, state, you, final_sha256, filename: "lease.pdf" };
        },
    }));
    const banner = page.locator("main .banner").first();
    await banner.filter({ hasText: "The document is being closed." }).waitFor();
    await page.getByRole("button", { name: "Save the file as it is now" }).waitFor();

    state = "completed";
    await banner.filter({ hasText: "and the document is closed." }).waitFor();
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save the closed file" }).click();
    assert.equal((await saved).suggestedFilename(), "lease.pdf");
});

test("who leaves while a list is signed is asked whether they mean it", async ({ open }) => {
    const { promise: held, resolve: release } = gate();
    const { page } = await atSign(open, {}, (answers) => ({
        ...answers,
        [`POST ${PATH}/signatures`]: async (one) => {
            await held;
            return answers[`POST ${PATH}/signatures`]?.(one);
        },
    }));
    const { fragment } = await ask("waiting");
    await page.goto(`${BASE}/sign#${fragment}`);
    await page.getByLabel("I know these documents").check();
    await press(page.getByRole("button", { name: "Sign 1 document", exact: true }));
    await page.getByText("0 of 1 documents are signed. Leave this page open").waitFor();
    const asked = page.waitForEvent("dialog");
    const left = page.close({ runBeforeUnload: true });
    const dialog = await asked;
    assert.equal(dialog.type(), "beforeunload");
    await dialog.dismiss();
    await left;

    release(undefined);
    await page.getByText("1 document is signed.").waitFor();
});

// long
test("a session that is over meanwhile does not keep whoever has the link from signing", async ({
    open,
    expect,
}) => {
    expect(/status of 401/);
    const { page, sign } = await atSign(open);
    await keepSession(page);
    await answer(page.context(), /\/_veche\/approvals\//, (route) => {
        if (!route.request().headers().authorization) return route.fallback();
        return route.fulfill({ status: 401, json: { errcode: "ORG.VECHE.SIGN_IN", error: "" } });
    });
    await page.reload();
    await read(page);
    await press(sign);
    await page.getByText("You have signed this document.").waitFor();
});
