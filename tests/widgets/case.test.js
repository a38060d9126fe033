// stage: pages
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { AgencyFake, CASE, PROMPT, draftCase, prompt, theCase } from "./agency_fake.js";
import { answer } from "./answers.js";
import { BASE, gate, glance, look, test, until } from "./harness.js";
import { CasePage, caseOf } from "./pages/case.js";

const NAME = "Name of the child";
const FILE = "%PDF-1.7 of a test";
const ASKED = { kind: "release", nonce: "a".repeat(32), person: "@alice:localhost", shown: {} };

/** @param {string} sha256 */
const issued = (sha256) => ({
    number: 1,
    title: "Copy of a birth certificate",
    filename: "RIGA-2026-000123.pdf",
    sha256,
    size_bytes: FILE.length,
    issued_at_ms: Date.now(),
    valid_until_ms: null,
    path: `/_veche/agency/v1/cases/${CASE}/documents/${sha256}`,
});

test("what is typed is kept, and there again after a reload and the back button", async ({
    open,
}) => {
    const opened = await open();
    const { fake, one } = await caseOf(opened, draftCase());
    await one.field(NAME).fill("Anna");
    await one.saved();
    assert.equal(fake.of("PUT", /draft$/).at(-1)?.body.values.child_name, "Anna");
    await one.field(NAME).fill("Anna Ozola");
    await opened.page.reload();
    await until(
        async () => (await one.field(NAME).inputValue()) === "Anna Ozola",
        "after a reload",
    );
    await one.goTo("Services");
    await one.isAt("Services");
    await opened.page.goBack();

    await until(async () => (await one.field(NAME).inputValue()) === "Anna Ozola", "after back");
});

test("a session that ends loses nothing: one signs in again and goes on", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const { fake, one } = await caseOf(opened, draftCase());
    const over = { errcode: "ORG.VECHE.SIGN_IN", error: "Please sign in" };
    fake.refuse("PUT", `/agency/v1/cases/${CASE}/draft`, 401, over);
    await one.field(NAME).fill("Anna Ozola");
    await one.alert.getByText("Your session is over. Nothing you typed is lost.").waitFor();
    const link = one.alert.getByRole("link", { name: "Sign in" });
    const place = encodeURIComponent(`/cases/${CASE}`);
    assert.equal(await link.getAttribute("href"), `/signin#return=${place}`);
    assert.equal(await one.field(NAME).inputValue(), "Anna Ozola");
    await link.click();
    await opened.page.waitForURL(/signin/);
    fake.refusals.clear();
    // The sign-in page has done its work: a session lies in the tab.
    await opened.page.evaluate(() => sessionStorage.removeItem("test.signed-in"));
    await one.visit(CASE);

    await until(async () => (await one.field(NAME).inputValue()) === "Anna Ozola", "typed is lost");
    await one.saved();
});

test("two tabs do not overwrite one another", async ({ open }) => {
    const opened = await open();
    const { fake, one } = await caseOf(opened, draftCase());
    await one.field(NAME).fill("Mine");
    fake.change({ ...fake.case, draft: { child_name: "Theirs" } });
    await one.page.getByText("This form was changed elsewhere").waitFor();
    assert.equal(await one.field(NAME).inputValue(), "Mine");
    await glance(opened.page, "form-conflict");
    await one.button("Use the other version").click();

    await until(async () => (await one.field(NAME).inputValue()) === "Theirs", "not taken");
});

test("what another tab keeps is taken over where nothing was typed", async ({ open }) => {
    const opened = await open();
    const { fake, one } = await caseOf(opened, draftCase());
    await one.form.waitFor();
    fake.change({ ...fake.case, draft: { child_name: "Theirs" } });

    await until(async () => (await one.field(NAME).inputValue()) === "Theirs", "not taken");
});

test("what is typed while the service keeps the words before is no change elsewhere", async ({
    open,
}) => {
    const opened = await open();
    await opened.page.clock.install();
    const { fake, one } = await caseOf(opened, draftCase());
    const { promise: held, resolve: release } = gate();
    /** @type {string[]} */
    const kept = [];
    let isHeld = true;
    await answer(opened.context, /\/draft\?/, async (route) => {
        const { values } = route.request().postDataJSON();
        kept.push(`${values.child_name} ${isHeld}`);
        fake.change({ ...fake.case, draft: values }); // seen before the answer comes
        await held;
        return route.fulfill({ json: { errors: [] } });
    });
    await one.field(NAME).fill("Anna");
    await opened.page.clock.runFor(1000);
    await until(() => kept.length === 1, "it is not kept");
    await one.field(NAME).fill("Anna Ozola");
    const isSeen = () =>
        fake.heard.some(({ path, query }) => path.endsWith(CASE) && query.get("after") === "2");
    await until(isSeen, "what is kept does not come back");
    await opened.page.clock.runFor(5000);
    assert.equal(await one.page.getByText("This form was changed elsewhere").count(), 0);
    isHeld = false;
    release(true);
    await until(async () => {
        await opened.page.clock.runFor(1000);
        return kept.length === 2;
    }, "the rest is not kept");
    await one.saved();

    assert.deepEqual(kept, ["Anna true", "Anna Ozola false"]);
});

test("nothing is kept while the form is sent, and again if it is refused", async ({
    open,
    expect,
}) => {
    expect(/status of 409/);
    const opened = await open();
    await opened.page.clock.install();
    const { fake, one } = await caseOf(opened, draftCase());
    const { promise: held, resolve: release } = gate();
    await answer(opened.context, /\/answers\?/, async (route) => {
        await held;
        const json = { errcode: "ORG.VECHE.ANSWER_REFUSED", error: "Not now.", reason: "late" };
        return route.fulfill({ status: 409, json });
    });
    const sent = opened.page.waitForRequest(/answers\?/);
    await one.field(NAME).fill("Anna Ozola");
    await one.field("Day of birth").fill("2015-05-03");
    await one.form.getByLabel("School").check();
    await one.send.click();
    await sent;
    const before = fake.of("PUT", /draft$/).length;
    await one.field(NAME).fill("Anna Maria Ozola");
    await opened.page.clock.runFor(10_000);
    assert.equal(fake.of("PUT", /draft$/).length, before);
    release(undefined);
    await one.alert.getByText("Not now.").waitFor();
    await opened.page.clock.runFor(1000);
    await one.saved();

    assert.equal(fake.of("PUT", /draft$/).at(-1)?.body.values.child_name, "Anna Maria Ozola");
});

test("a form that cannot be kept says so and tries again by itself", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    await opened.page.clock.install();
    const { fake, one } = await caseOf(opened, draftCase());
    const soon = () => opened.page.clock.runFor(1000);
    fake.lost.add(`PUT /agency/v1/cases/${CASE}/draft`);
    await one.field(NAME).fill("Anna");
    await until(async () => {
        await soon();
        return one.kept.getByText("Not saved yet").isVisible();
    }, "it does not say so");
    fake.lost.clear();
    await until(async () => {
        await soon();
        return fake.case.draft?.child_name === "Anna";
    }, "it does not try again");

    await one.saved();
});

test("the case goes on before one's eyes", async ({ open }) => {
    const opened = await open();
    const { fake, one } = await caseOf(opened, theCase());
    await one.state.getByText("submitted, waits for the office").waitFor();
    await look(opened.page, "case");
    fake.change(theCase({ state: "in_review", state_text: "a clerk is looking at it" }));
    await one.state.getByText("a clerk is looking at it").waitFor();

    await one.page.getByRole("listitem").filter({ hasText: "Now: A clerk looks at it." }).waitFor();
});

test("a question is answered by a button, once, and the page goes on", async ({ open }) => {
    const opened = await open();
    const choices = [
        { id: "withdraw", label: "Yes, withdraw", style: "danger" },
        { id: "keep", label: "Keep it" },
    ];
    const { fake, one } = await caseOf(opened, theCase());
    fake.acted = ({ path }) => {
        if (path.endsWith("/commands"))
            fake.change(
                theCase({ prompts: [prompt({ choices }, { topic: "withdraw", text: "Sure?" })] }),
            );
        if (path.endsWith("/answers"))
            fake.change(theCase({ state: "withdrawn", state_text: "withdrawn", is_open: false }));
    };
    await one.button("Withdraw the case").click();
    await one.page.waitForFunction(() => document.activeElement?.id === "asked");
    await glance(opened.page, "case-question");
    await one.button("Yes, withdraw").dblclick();
    await one.state.getByText("withdrawn").waitFor();

    const answers = fake.of("POST", /answers$/);
    assert.deepEqual(
        answers.map(({ body }) => body),
        [{ prompt: PROMPT, choice: "withdraw" }],
    );
    assert.match(answers[0]?.key ?? "", /^[0-9a-f]{32}$/);
});

test("an answer that comes too late is told in the words of the office", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const { fake, one } = await caseOf(
        opened,
        theCase({ prompts: [prompt({ choices: [{ id: "yes", label: "Yes" }] })] }),
    );
    const error = "The time for this answer is over.";
    fake.refuse("POST", `/agency/v1/cases/${CASE}/answers`, 409, {
        errcode: "ORG.VECHE.ANSWER_REFUSED",
        error,
    });
    await one.button("Yes").click();

    await one.alert.getByText(error).waitFor();
});

test("an approval opens in a tab of its own, with the nonce alone behind the #", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/); // nobody has asked for this approval
    const opened = await open();
    const choices = [
        { id: "approve", label: "Approve", style: "primary", approve: ASKED },
        { id: "decline", label: "Change an answer" },
    ];
    const text = "The office gets these answers when you approve them with your key.";
    const { fake, one } = await caseOf(
        opened,
        theCase({
            prompts: [prompt({ choices, min_trust: "signed" }, { topic: "approve", text })],
        }),
    );
    await glance(opened.page, "case-approve");
    const opens = opened.context.waitForEvent("page");
    await one.button("Approve").click();
    const tab = await opens;
    await tab.waitForURL(/approve/);
    const address = new URL(tab.url());
    assert.equal(address.origin + address.pathname, `${BASE}/approve`);
    assert.equal(address.hash, `#${ASKED.nonce}`);
    await one.page.getByText("Approve it in the tab that opened.").waitFor();
    fake.change(theCase({ state: "submitted", state_text: "submitted" }));
    await one.state.getByText("submitted").waitFor();

    assert.equal(fake.of("POST", /answers$/).length, 0);
});

test("a browser that opens no tab is told, and the page for approving is a link", async ({
    open,
}) => {
    const opened = await open();
    await opened.page.addInitScript(() => {
        window.open = () => null;
    });
    const choices = [{ id: "approve", label: "Approve", approve: ASKED }];
    const { one } = await caseOf(
        opened,
        theCase({ prompts: [prompt({ choices }, { topic: "approve", text: "Sure?" })] }),
    );
    await one.button("Approve").click();
    await one.page.getByText("Your browser did not open the tab.").waitFor();
    const link = one.page.getByRole("link", { name: "Open the page for approving" });

    assert.equal(await link.getAttribute("href"), `/approve#${ASKED.nonce}`);
});

test("a document is downloaded only if it is what was issued", async ({ open }) => {
    const sha256 = createHash("sha256").update(FILE).digest("hex");
    const opened = await open();
    const { fake, one } = await caseOf(opened, theCase({ documents: [issued(sha256)] }));
    await answer(opened.context, /\/documents\//, (route) =>
        route.fulfill({ body: FILE, contentType: "application/pdf" }),
    );
    await glance(opened.page, "case-document");
    const downloads = opened.page.waitForEvent("download");
    await one.documents.getByRole("button", { name: "Download" }).click();
    assert.equal((await downloads).suggestedFilename(), "RIGA-2026-000123.pdf");
    await one.documents.getByText("exactly what was issued").waitFor();
    fake.change(theCase({ documents: [issued("0".repeat(64))] }));
    await one.documents.getByText("00000000 00000000").waitFor();
    await one.documents.getByRole("button", { name: "Download" }).click();

    await one.documents.getByText("differs from what was issued").waitFor();
});

test("a refusal shows the reason, the law, and how to appeal until when", async ({ open }) => {
    const opened = await open();
    const refusal = {
        code: "not_found",
        reason: "There is no such entry in the register",
        law: "Civil Status Act, section 26 (1)",
        text: "We looked in all registers.",
        appeal: "Write to the Administrative Court of the town.",
        appeal_until_ms: Date.UTC(2026, 11, 24, 12),
    };
    const refused = { state: "decided_no", state_text: "refused", is_open: false, clock: null };
    const { one } = await caseOf(opened, theCase({ ...refused, refusal }));
    await one.refusal.getByText("24 December 2026").waitFor();
    await look(opened.page, "case-refused");
    const text = await one.refusal.innerText();

    for (const words of [refusal.reason, refusal.law, refusal.text, refusal.appeal])
        assert.ok(text.includes(words), words);
});

test("somebody else's case looks like none", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = new AgencyFake();
    await fake.serve(opened);
    const one = new CasePage(opened.page);
    await one.visit("01JD0000000000000000000009");
    await one.alert.getByText("There is nothing here").waitFor();

    assert.equal(await one.card.count(), 0);
});

test("a session of a lower level is told how to sign in for more", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const fake = new AgencyFake();
    await fake.serve(opened);
    fake.refuse("GET", `/agency/v1/cases/${CASE}`, 403, {
        errcode: "ORG.VECHE.LEVEL_TOO_LOW",
        error: "",
        required: "room",
    });
    const one = new CasePage(opened.page);
    await one.visit(CASE);
    await one.alert.getByText("This needs a stronger sign-in").waitFor();

    await one.alert.getByRole("link", { name: "Sign in" }).waitFor();
});

test("another language speaks of the whole case, also of its steps", async ({ open }) => {
    const opened = await open();
    const { fake, one } = await caseOf(opened, theCase());
    const step = one.page.getByRole("listitem").filter({ hasText: "A clerk looks at it." });
    await step.waitFor();
    fake.page = { ...fake.page, step_list: [{ kind: "review", text: "Jemand sieht es an." }] };
    await one.speak("de");
    await one.page.getByText("Jemand sieht es an.").waitFor();

    assert.equal(await step.count(), 0);
});

test("another command is another act, whatever became of the one before", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const { fake, one } = await caseOf(opened, theCase());
    const busy = { errcode: "M_LIMIT_EXCEEDED", error: "", retry_after_ms: 1000 };
    fake.refuse("POST", `/agency/v1/cases/${CASE}/commands`, 429, busy);
    await one.button("What is it waiting for?").click();
    await one.alert.getByText("That was too fast").waitFor();
    fake.refusals.clear();
    await one.button("Withdraw the case").click();
    await one.page.getByText("You are asked above").waitFor();
    const [first, second] = fake.of("POST", /commands$/).map(({ key }) => key);

    assert.ok(first && second);
    assert.notEqual(first, second);
});

test("who signs out leaves nothing typed in the tab", async ({ open, expect }) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const { fake, one } = await caseOf(opened, draftCase());
    fake.lost.add(`PUT /agency/v1/cases/${CASE}/draft`);
    await one.field(NAME).fill("Anna Ozola");
    await one.signOut();
    await one.isAt("Services of your offices, in your chat and here");
    const kept = await opened.page.evaluate(() => Object.entries(sessionStorage));

    assert.deepEqual(
        kept.filter(([name]) => name.startsWith("veche.")),
        [],
    );
});

test("an answer about the session of before does not end the one of now", async ({
    open,
    expect,
}) => {
    expect(/Failed to load resource/);
    const opened = await open();
    const { page } = opened;
    const { one } = await caseOf(opened, draftCase());
    const { promise: held, resolve: release } = gate();
    await answer(page.context(), /\/draft\?/, async (route) => {
        await held;
        return route.fulfill({ status: 401, json: { errcode: "ORG.VECHE.SIGN_IN", error: "" } });
    });
    const asks = page.waitForRequest(/draft\?/);
    await one.field(NAME).fill("Anna");
    const late = (await asks).response();
    // Signed in anew on another page of this tab; the browser kept this one.
    await page.evaluate(() => {
        window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
        const kept = JSON.parse(sessionStorage.getItem("veche.session") ?? "{}");
        sessionStorage.setItem("veche.session", JSON.stringify({ ...kept, token: "n" }));
        window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    });
    release(true);
    await (await late)?.finished();
    // Whatever comes of that answer has come before this one.
    await page.evaluate(() => fetch("/services").then((answer) => answer.text()));
    await until(async () => (await one.field(NAME).inputValue()) === "Anna", "typed is lost");

    assert.equal(await one.account.isVisible(), true);
});

test("a page that the browser kept shows nothing of who has signed out since", async ({ open }) => {
    const opened = await open();
    const { one } = await caseOf(opened, theCase());
    // As the back button does where a browser keeps pages; meanwhile another one of ours ended it.
    const comeBack = (/** @type {boolean} */ isSignedOut) =>
        opened.page.evaluate((isOver) => {
            window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
            if (isOver) sessionStorage.removeItem("veche.session");
            window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
        }, isSignedOut);
    const before = await one.card.elementHandle();
    await comeBack(false);
    assert.equal(await before?.evaluate((it) => it.isConnected), true);
    await comeBack(true);
    await one.page.getByText("Sign in to see this case.").waitFor();

    assert.equal(await one.card.count(), 0);
});
