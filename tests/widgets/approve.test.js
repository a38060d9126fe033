// stage: pages
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { canonicalBytes } from "../../appservices/widgets/static/kit/canonical.js";
import { answer } from "./answers.js";
import {
    NONCE,
    PERSON,
    SHOWN,
    asked,
    fake,
    keyHere,
    openAnswer,
    refusal,
    signedIn,
} from "./approvals_fake.js";
import { BASE, gate, glance, look, test } from "./harness.js";
import { ApprovePage } from "./pages/approve.js";

/** @typedef {import("./harness.js").Stage} Stage */
/** @typedef {import("./approvals_fake.js").Given} Given */

const LOOK = `GET approvals/v1/${NONCE}`;
const HAND = "POST approvals/v1";
const MINUTE_MS = 60_000;

/**
 * The page, with a key in its browser.
 * @param {Stage["open"]} open
 * @param {keyof typeof SHOWN} kind
 * @param {Record<string, unknown>} [more] of what the service says of the nonce
 * @param {Record<string, Given | ((heard: any) => Given | "lost")>} [table]
 */
async function atQuestion(open, kind, more = {}, table = {}) {
    const { page, context } = await open({ reducedMotion: "reduce" });
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page);
    const heard = await fake(context, {
        [LOOK]: { body: openAnswer(asked(kind), { keys: [listed], ...more }) },
        [HAND]: { body: { outcome: "approved" } },
        ...table,
    });
    const approve = new ApprovePage(page);
    await approve.visit(NONCE);
    // First it shows that no link led here, then that it asks the service.
    await approve.heading.filter({ hasNotText: /^(This link is damaged|Approve)$/ }).waitFor();
    return { page, approve, heard, listed, public_key };
}

/** @param {any[]} heard */
const handed = (heard) => heard.filter(({ method, path }) => `${method} ${path}` === HAND);

test("what is done once is no permission that lasts", async ({ open }) => {
    const text = "I decide, once, in the escrow 1Q2W3E4R: All to Bob.";
    const once = asked("mandate", { what: "escrow.decide", text });
    const { approve, heard } = await atQuestion(open, "mandate", { asked: once });
    assert.equal(await approve.hero.innerText(), text);
    assert.deepEqual(await approve.shown(), [["Kind of approval", "escrow.decide"]]);
    await approve.yes.click();
    await approve.page.getByRole("heading", { name: "Approved" }).waitFor();
    assert.deepEqual(handed(heard)[0].body.approval.shown, once.shown);
});

test("who acts for somebody does so until it is taken back, which is done once", async ({
    open,
}) => {
    const session = "01JD0000000000000000000001 p1";
    const kinds = {
        [`delegated ${session} ${"x".repeat(43)}`]: [["Until", "you take it back"]],
        [`delegated ${session} taken-back`]: [],
    };
    for (const [what, facts] of Object.entries(kinds)) {
        const told = asked("mandate", { what, text: "Said in words." });
        const { approve } = await atQuestion(open, "mandate", { asked: told });
        const kind = facts.length > 0 ? "Kind of permission" : "Kind of approval";
        assert.deepEqual(await approve.shown(), [...facts, [kind, what]]);
    }
});

test("who says whom they have seen confirms it, and allows nothing", async ({ open }) => {
    const text = "I have seen the passport of Bob Brown.";
    const said = asked("mandate", { what: "identified 01KAV3 p2 laZ0", text, until_ms: 1 });
    const { approve, heard } = await atQuestion(open, "mandate", { asked: said });

    assert.deepEqual(await approve.shown(), [["Number", "01KAV3 p2 laZ0"]]);
    await approve.yes.click();
    await approve.page.getByText("You confirmed it.").waitFor();
    assert.deepEqual(handed(heard)[0].body.approval.shown, said.shown);

    const here = asked("mandate", { what: "present 01KAV3", text: "I am with Carol." });
    const other = await atQuestion(open, "mandate", { asked: here });
    assert.deepEqual(await other.approve.shown(), [["Number", "01KAV3"]]);
});

test("of several documents each is shown whole, and an unknown field of one leaves nothing to press", async ({
    open,
}) => {
    const { level, read, clauses: _, ...facts } = SHOWN.signature;
    const other = { ...facts, title: "House rules", session: "01JD0000000000000000000002" };
    const rest = { ...facts, level, read, clauses: [] };
    const several = asked("signature", { ...rest, documents: [facts, other] });
    const { approve } = await atQuestion(open, "signature", { asked: several });
    assert.equal(await approve.hero.innerText(), "2 documents");
    const shown = (await approve.shown()).map(([, value]) => value ?? "");
    for (const one of [facts, other]) {
        const line = shown.find((value) => value.startsWith(one.title)) ?? "";
        const told = [one.requester, one.code, one.sha256, one.parties_sha256, one.session];
        for (const words of told) assert.ok(line.includes(words), `${words}: ${line}`);
    }

    const documents = [facts, { ...other, hidden: "more" }];
    const unknown = asked("signature", { ...rest, documents });
    const refused = await atQuestion(open, "signature", { asked: unknown });
    assert.equal(await refused.approve.yes.count(), 0);
});

test("of a private document the digest of its title is shown, and both are too much", async ({
    open,
}) => {
    const { title, clauses: _, ...facts } = SHOWN.signature;
    const title_sha256 = "hC6aGqd0bM4uzmGZxH4Hvv8JZ0t6cQd6V3k0Cw9p7gY";
    const clauses = [{ id: "c1", title_sha256: "x".repeat(43), accepted: true }];
    const veiled = { ...facts, title_sha256, clauses };
    const { approve } = await atQuestion(open, "signature", { asked: asked("signature", veiled) });
    assert.equal(await approve.hero.innerText(), "Private document");
    const shown = Object.fromEntries(await approve.shown());
    assert.equal(shown["Fingerprint of the title"], title_sha256);
    assert.ok(shown["Clause c1"]?.startsWith("x".repeat(43)));

    const both = asked("signature", { ...veiled, title });
    const refused = await atQuestion(open, "signature", { asked: both });
    assert.equal(await refused.approve.yes.count(), 0);
});

test("each kind shows all that is signed, and signs exactly that", async ({ open }) => {
    const expected = {
        payment: [
            "12.50 EUR",
            "Town of Lindenau",
            "DE89 3704 0044 0532 0130 00",
            "Birth certificate, LB-2025-0042",
        ],
        release: [
            "Town of Lindenau",
            "Change of address",
            "CA-2025-0007",
            "Alice Example",
            "12 Mill Lane\n04177 Lindenau",
        ],
        signature: [
            "Tenancy agreement",
            "Lindenau Housing Cooperative",
            "4718",
            "125,302",
            "Penalty: I agree",
            "were all on the screen",
            SHOWN.signature.sha256,
            SHOWN.signature.parties_sha256,
        ],
        mandate: [SHOWN.mandate.text, "50.00 EUR a day", "code_limit"],
    };
    for (const kind of /** @type {(keyof typeof SHOWN)[]} */ (Object.keys(SHOWN))) {
        const { page, approve, heard, listed, public_key } = await atQuestion(open, kind);
        const shown = [
            await approve.hero.innerText(),
            ...(await approve.shown()).map(([, value]) => value),
        ];
        for (const words of expected[kind])
            assert.ok(shown.includes(words), `${kind}: ${words}: ${shown}`);
        if (kind === "payment") await look(page, "approve-payment");
        if (kind === "release") await glance(page, "approve-release");
        await approve.yes.click();
        await page.getByRole("heading", { name: "Approved" }).waitFor();
        const [{ body }] = handed(heard);
        const { at_ms, ...rest } = body.approval;
        assert.deepEqual(rest, { v: 1, ...asked(kind) });
        assert.ok(Math.abs(at_ms - Date.now()) < 5 * MINUTE_MS);
        assert.equal(body.key, listed.id);
        const key = await webcrypto.subtle.importKey(
            "raw",
            Uint8Array.from(public_key),
            { name: "ECDSA", namedCurve: "P-256" },
            false,
            ["verify"],
        );
        const isGood = await webcrypto.subtle.verify(
            { name: "ECDSA", hash: "SHA-256" },
            key,
            Buffer.from(body.signature, "base64"),
            canonicalBytes(body.approval),
        );
        assert.ok(isGood, kind);
    }
});

test("what cannot be approved says why, and has no button", async ({ open, expect }) => {
    expect(/status of|ERR_/);
    const cases = /** @type {const} */ ([
        [{ state: "approved", asked: null }, "This is approved already", "approved"],
        [{ state: "declined", asked: null }, "You said no", "declined"],
        [{ state: "expired", asked: null }, "The time for this is over", "expired"],
        [{ state: "closed", asked: null }, "This is not asked any more", "closed"],
        [{ keys: [] }, "This device has no key of yours", "no-key"],
    ]);
    /** @type {Given | "lost"} */
    let told = { body: openAnswer(asked("payment")) };
    const table = { [LOOK]: () => told };
    const { page, approve, listed } = await atQuestion(open, "payment", {}, table);
    for (const [more, words, name] of cases) {
        told = { body: openAnswer(asked("payment"), { keys: [listed], ...more }) };
        await page.reload();
        await page.getByText(words).first().waitFor();
        if (name === "no-key") await page.getByText("may approve this after 12 hours").waitFor();
        if (name === "no-key" || name === "expired") await glance(page, `approve-${name}`);
        assert.equal(await approve.yes.filter({ hasText: "Pay" }).count(), 0, words);
    }
    told = refusal("ORG.VECHE.NOT_FOUND", 404);
    await page.reload();
    await page.getByText("There is nothing to approve").waitFor();
    told = "lost";
    await page.reload();
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await approve.visit("{damaged");
    await page.getByText("This link is damaged").waitFor();
});

test("a key that is too new says so before one presses, and may decline", async ({ open }) => {
    const { page, approve, listed } = await atQuestion(open, "payment");
    const held = { ...listed, held_until_ms: Date.UTC(2030, 0, 2, 10) };
    await answer(page.context(), /\/approvals\/v1\/[a-z0-9]{32}/, (route) =>
        route.fulfill({ json: openAnswer(asked("payment"), { keys: [held] }) }),
    );
    await page.reload();
    await page.getByText("This key is new. It may approve this from 2 January 2030").waitFor();
    await glance(page, "approve-new-key");

    assert.equal(await approve.yes.filter({ hasText: "Pay" }).count(), 0);
    assert.equal(await approve.no.count(), 1);
});

test("the page goes on by itself when a new key may approve", async ({ open }) => {
    const { page, approve, listed } = await atQuestion(open, "payment");
    /** @type {object[]} */
    const answers = [{ ...listed, held_until_ms: Date.now() + 1500 }];
    await answer(page.context(), /\/approvals\/v1\/[a-z0-9]{32}/, (route) =>
        route.fulfill({
            json: openAnswer(asked("payment"), { keys: [answers.shift() ?? listed] }),
        }),
    );
    await page.reload();
    await page.getByText("Leave this page open").waitFor();
    assert.equal(await approve.yes.filter({ hasText: "Pay" }).count(), 0);

    await approve.yes.filter({ hasText: "Pay" }).waitFor();
    assert.equal(await page.getByText("This key is new").count(), 0);
});

test("a key that is ready is taken before one that is too new", async ({ open }) => {
    const { approve } = await atQuestion(open, "payment");

    await approve.yes.filter({ hasText: "Pay" }).waitFor();
    assert.equal(await approve.page.getByText("This key is new").count(), 0);
});

test("a refusal is told in the service's words, and one can press again", async ({
    open,
    expect,
}) => {
    expect(/status of 409/);
    const { page, approve, heard } = await atQuestion(
        open,
        "payment",
        {},
        {
            [HAND]: refusal("ORG.VECHE.KEY_HELD", 409, {
                error: "This key is new: from tomorrow on.",
            }),
        },
    );
    await approve.yes.click();
    await approve.alert.filter({ hasText: "This key is new: from tomorrow on." }).waitFor();
    assert.equal(await approve.alert.locator(".critical").count(), 0, "it is no fault");
    await approve.alert.getByRole("link", { name: "My keys" }).waitFor();
    assert.equal(
        await approve.alert.evaluate((it) => it === document.activeElement),
        true,
        "the focus is lost",
    );
    await look(page, "approve-held");
    await approve.yes.click();
    await page.waitForFunction(() =>
        document.querySelector(".status")?.textContent?.includes("tomorrow"),
    );

    assert.equal(handed(heard).length, 2);
});

test("a clock that is wrong is told, and the service's time is signed", async ({
    open,
    expect,
}) => {
    expect(/status of 409/);
    const real_ms = Date.now() + 11 * MINUTE_MS;
    const answers = [refusal("ORG.VECHE.APPROVAL_CLOCK", 409), { body: { outcome: "approved" } }];
    const { page, approve, heard } = await atQuestion(
        open,
        "payment",
        { now_ms: real_ms, expires_at_ms: real_ms + 60 * MINUTE_MS },
        {
            [HAND]: () => answers.shift() ?? "lost",
            "GET approvals/v1/time": () => ({ body: { now_ms: Date.now() + 20 * MINUTE_MS } }),
        },
    );
    await page.getByText("The clock of this device is 11 minutes slow").waitFor();
    await approve.yes.click();
    await page.getByRole("heading", { name: "Approved" }).waitFor();
    const [first = 0, second = 0] = handed(heard).map(
        ({ body }) => body.approval.at_ms - Date.now(),
    );

    assert.ok(first > 9 * MINUTE_MS && first < 12 * MINUTE_MS, String(first));
    assert.ok(second > 18 * MINUTE_MS && second < 21 * MINUTE_MS, String(second));
});

test("an approval whose answer was lost is known to be given", async ({ open, expect }) => {
    expect(/ERR_/);
    let isThere = false;
    /** @type {Record<string, unknown>[]} none until the key is made */
    const keys = [];
    const { page, approve, listed } = await atQuestion(
        open,
        "payment",
        {},
        {
            [LOOK]: () => ({
                body: isThere
                    ? openAnswer(null, { state: "approved", expires_at_ms: null })
                    : openAnswer(asked("payment"), { keys }),
            }),
            [HAND]: () => {
                isThere = true;
                return "lost";
            },
        },
    );
    keys.push(listed);
    await approve.visit(NONCE);
    await page.reload();
    await approve.yes.click();
    await page.getByText("You approved the payment of 12.50 EUR").waitFor();
});

test("the keyboard alone approves, and each language has its words", async ({ open }) => {
    const { page, approve, heard } = await atQuestion(open, "payment");
    await page.waitForFunction(() => !document.querySelector("button")?.disabled);
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Approved" }).waitFor();
    assert.equal(handed(heard).length, 1);
    for (const [language, words] of [
        ["ru", "Заплатить"],
        ["de", "zahlen"],
        ["uk", "Сплатити"],
    ]) {
        await page.goto(`${BASE}/approve?lang=${language}#${NONCE}`);
        await approve.yes.filter({ hasText: words ?? "" }).waitFor();
    }
    assert.equal(PERSON, await page.locator(".around dd").first().innerText());
});

test("the tab that is used again shows what is asked last, whichever answer comes first", async ({
    open,
}) => {
    const { page, approve, listed } = await atQuestion(open, "payment");
    const { promise: held, resolve: release } = gate();
    const later = { ...asked("release"), nonce: "b".repeat(32) };
    await answer(page.context(), new RegExp(`/approvals/v1/${later.nonce}\\?`), (route) =>
        route.fulfill({ json: openAnswer(later, { keys: [listed] }) }),
    );
    await answer(page.context(), new RegExp(`/${LOOK.split(" ")[1]}\\?`), async (route) => {
        await held;
        return route.fallback();
    });
    const first = page.waitForRequest(/approvals/);
    await page.reload();
    const late = (await first).response();
    await approve.visit(later.nonce);
    await page.getByText("You give data to").waitFor();
    release(true);
    await (await late)?.finished();
    await page.evaluate(() => fetch("/services").then((answer) => answer.text()));

    assert.equal(await approve.heading.innerText(), "You give data to");
});

test("a new identity is confirmed from the page of the keys, which then says so", async ({
    open,
}) => {
    let state = "changed";
    const fingerprint = "abcd efgh ijkl";
    const mandate = {
        ...asked("mandate"),
        shown: { what: "identity abcd", text: `The new one: ${fingerprint}` },
    };
    const { page, context } = await open({ reducedMotion: "reduce" });
    await signedIn(context);
    await page.goto(`${BASE}/approve`);
    const { listed } = await keyHere(page);
    const heard = await fake(context, {
        "GET keys/v1/keys": { body: { keys: [], passkeys: false, keys_max: 20 } },
        "GET keys/v1/limits": { body: { limits: [] } },
        "GET keys/v1/log": { body: { events: [], before: null } },
        "GET sessions/v1/sessions": { body: { sessions: [] } },
        "GET keys/v1/identity": () => ({ body: { state, fingerprint, has_key: true } }),
        "POST keys/v1/identity": { body: { asked: mandate } },
        [LOOK]: { body: openAnswer(mandate, { keys: [listed] }) },
        [HAND]: () => {
            state = "same";
            return { body: { outcome: "approved" } };
        },
    });
    await page.goto(`${BASE}/keys`);
    await page.getByText(fingerprint).waitFor();
    await glance(page, "keys-identity");
    const popup = page.waitForEvent("popup");
    await page.getByRole("button", { name: "Confirm my new identity" }).click();
    const approve = new ApprovePage(await popup);
    await approve.hero.waitFor();
    await approve.yes.click();
    await page.getByText("Your new identity is confirmed.").waitFor();

    assert.deepEqual(handed(heard)[0].body.approval.shown, mandate.shown);
});
