// stage: signing
import assert from "node:assert/strict";
import { BASE, ask, gate, glance, look, test, until } from "./harness.js";
import { keepSession } from "./kept_session.js";
import { SESSION, serve, table } from "./sign_fake.js";

const OWNED = `signing/v1/owned/${SESSION}`;

/**
 * The page of who asks for the signatures, and takes no part.
 * @param {import("./harness.js").Stage["open"]} open
 * @param {{isSignedIn?: boolean, said?: Record<string, unknown>, file?: Promise<unknown>}} [options] `file`:
 *     what the document waits for
 */
async function atOwned(open, { isSignedIn = true, said = {}, file } = {}) {
    const begun = await ask("begin", {});
    const { page, context } = await open({ reducedMotion: "reduce" });
    if (isSignedIn) await keepSession(page, { person: "@carol:localhost" });
    const now = { ...said };
    const view = async () => {
        const one = await ask("session");
        const you = { ...one.you, party: "p9", role: "viewer", state: "waiting", can_act: false };
        return { ...one, you, is_yours: true, ...now };
    };
    const { blob = () => undefined, ...answers } = table([]);
    const heard = await serve(context, {
        ...answers,
        blob: async (one) => {
            await file;
            return blob(one);
        },
        [`GET ${OWNED}`]: view,
        [`POST ${OWNED}/remind`]: async () => ({ count: 2, waiting: 2, view: await view() }),
        [`POST ${OWNED}/extend`]: async ({ body }) => {
            now.deadline_at_ms = body.deadline_at_ms;
            return view();
        },
        [`POST ${OWNED}/cancel`]: async () => {
            now.state = "cancelled";
            return view();
        },
    });
    const key = new URLSearchParams(begun.fragment).get("k");
    await page.goto(`${BASE}/sign#r=${SESSION}&k=${key}`);
    return { page, heard, now };
}

/** @param {import("./sign_fake.js").Heard[]} heard @param {string} act @returns {any[]} */
const posted = (heard, act) =>
    heard.filter(({ path }) => path === `${OWNED}/${act}`).map(({ body }) => body);

test("nothing can be pressed before the document is here", async ({ open }) => {
    const { promise: file, resolve: release } = gate();
    const { page, heard } = await atOwned(open, { file });
    const remind = page.getByRole("button", { name: "Remind" });
    await remind.waitFor();
    assert.ok(await remind.isDisabled(), "a press would be lost");
    release(true);
    await remind.click();
    await page.getByText("2 persons are reminded.").waitFor();

    assert.equal(posted(heard, "remind").length, 1);
});

test("who asks reminds, gives more time, and takes it back once they have seen who signed", async ({
    open,
}) => {
    const parties = (await ask("begin", {}), (await ask("session")).parties);
    const signed = parties.map((/** @type {any} */ one, /** @type {number} */ at) =>
        at === 0 ? { ...one, state: "signed", at_ms: Date.UTC(2026, 10, 27, 9, 5) } : one,
    );
    const { page, heard } = await atOwned(open, { said: { parties: signed } });
    await page.getByRole("heading", { name: "Lease of flat 12b" }).waitFor();
    await page.getByText("who asks for the signatures").waitFor();
    await page.getByText("The signers see the same one.").waitFor();
    assert.equal(await page.getByRole("button", { name: "Sign", exact: true }).count(), 0);
    assert.equal(await page.getByText("It is not your turn yet").count(), 0);
    assert.equal(await page.getByText("Kind of signature").count(), 0); // it is of each who signs
    await page.getByRole("button", { name: "Save the file as it is now" }).waitFor();
    await look(page, "sign-owned");

    await page.getByRole("button", { name: "Remind" }).click();
    await page.getByText("2 persons are reminded.").waitFor();

    await page.getByRole("button", { name: "Give more time" }).click();
    const more = page.getByRole("dialog", { name: "Give more time?" });
    const day = more.getByLabel("The last day on which they can sign");
    const first = (await day.getAttribute("min")) ?? "";
    await day.fill(first);
    await look(page, "sign-owned-extend");
    await more.getByRole("button", { name: "Give more time" }).click();
    await more.waitFor({ state: "hidden" });
    await until(() => posted(heard, "extend").length > 0, "the service is asked for more time");
    const [{ deadline_at_ms: until_ms }] = posted(heard, "extend");
    const last = await page.evaluate((at_ms) => {
        const at = new Date(at_ms);
        return [at.getFullYear(), at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes()];
    }, until_ms);
    assert.deepEqual(last, [...first.split("-").map(Number), 23, 59]);

    await page.getByRole("button", { name: "Take it back" }).click();
    const back = page.getByRole("dialog", { name: "Take this document back?" });
    await back.getByText(`Signed already by: ${parties[0].name}.`).waitFor();
    await look(page, "sign-owned-cancel");
    await back.getByRole("button", { name: "Leave it as it is" }).click();
    assert.deepEqual(posted(heard, "cancel"), []);
    await page.getByRole("button", { name: "Take it back" }).click();
    await back.getByRole("button", { name: "Take it back" }).click();
    await page.getByText("The person who asked for signatures has taken it back.").waitFor();
    assert.equal(posted(heard, "cancel").length, 1);
    assert.equal(await page.getByRole("button", { name: "Remind" }).count(), 0);
    await glance(page, "sign-owned-over");
});

test("the report is fetched as ciphertext, and saved as what it is", async ({ open }) => {
    const report = "ab".repeat(32);
    const { page, heard } = await atOwned(open, { said: { state: "completed", report } });
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save the report" }).click();

    assert.match((await saving).suggestedFilename(), /evidence\.pdf$/);
    assert.ok(heard.some(({ path }) => path === `${OWNED}/blobs/${report}`));
});

test("who is not signed in is asked to, and shown nothing", async ({ open }) => {
    const { page, heard } = await atOwned(open, { isSignedIn: false });
    await page.getByRole("link", { name: "Sign in" }).last().waitFor();

    assert.equal(await page.getByText("Lease of flat 12b").count(), 0);
    assert.deepEqual(
        heard.filter(({ path }) => path.startsWith(OWNED)),
        [],
    );
});

test("a party who asks as well signs in on their page to remind", async ({ open }) => {
    const begun = await ask("begin", {});
    const { page, context } = await open({ reducedMotion: "reduce" });
    const answers = table([]);
    await serve(context, {
        ...answers,
        [`GET signing/v1/sessions/${SESSION}`]: async () => ({
            ...(await ask("session")),
            is_yours: true,
        }),
    });
    await page.goto(`${BASE}/sign#${begun.fragment}`);
    await page.getByText("To remind, to give more time or to take it back, sign in").waitFor();
    assert.equal(await page.getByRole("button", { name: "Remind" }).count(), 0);
    await page.getByRole("button", { name: "Sign", exact: true }).waitFor();
});
