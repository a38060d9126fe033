// stage: signing
import assert from "node:assert/strict";
import { keyHere } from "./approvals_fake.js";
import { BASE, ask, glance, look, press, test, until } from "./harness.js";
import { PATH, serve, table } from "./sign_fake.js";

const KEY = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg";
const OWN = {
    name: "Alice B. Adams",
    issuer: "Trust of Lindenau CA 1",
    authority: "Trust of Lindenau",
    level: "S4",
    key: KEY,
    ends_at_ms: Date.UTC(2028, 5, 1),
    is_approved: false,
};
const AUTHORITIES = [
    ["Bank of Lindenau", "S3"],
    ["Trust of Lindenau", "S4"],
];

/**
 * The page of somebody who is asked for a qualified certificate of their own.
 * @param {import("./harness.js").Stage["open"]} open
 * @param {{own: Record<string, unknown> | null, state?: string}} said what the service says, changing
 */
async function atSign(open, said) {
    const begun = await ask("begin", { has_clauses: false, is_signed: false });
    const { page, context } = await open({ reducedMotion: "reduce" });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page);
    await ask("enrol", { public_key });
    const view = async () => {
        const { you, parties, ...rest } = await ask("session");
        const [first, ...others] = parties;
        const certificate = rest.proofs.certificates[0];
        return {
            ...rest,
            authorities: AUTHORITIES.map(([name, level]) => ({ name, level, certificate })),
            parties: [{ ...first, level_min: "S4" }, ...others],
            you: { ...you, level: "S4", own: said.own },
        };
    };
    const heard = await serve(context, {
        ...table([listed]),
        [`GET ${PATH}`]: view,
        [`POST ${PATH}/own-certificate/approval`]: async () => {
            said.own = { ...OWN, is_approved: true };
            return view();
        },
    });
    await page.goto(`${BASE}/sign#${begun.fragment}`);
    await page.getByRole("heading", { name: "Sign with your certificate" }).waitFor();
    return { page, heard, begun, said };
}

test("who is asked for a certificate of their own is told how, and approves it here", async ({
    open,
}) => {
    const { page, heard, begun, said } = await atSign(open, { own: null });
    const approving = page.getByRole("button", { name: "Approve this certificate" });
    assert.ok(await approving.isDisabled());
    assert.equal(await page.getByRole("button", { name: "Sign", exact: true }).count(), 0);
    const taken = page.getByRole("region", { name: "Sign with your certificate" });
    await taken.getByText("Trust of Lindenau").waitFor();
    assert.equal(await taken.getByText("Bank of Lindenau").count(), 0);
    await look(page, "sign-own");

    await page.getByRole("button", { name: "Copy the link" }).click();
    await page.getByText("Copied").waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    const given = new URLSearchParams(begun.fragment);
    const copied = new URLSearchParams(link.slice(link.indexOf("#") + 1));
    for (const name of ["s", "p", "t", "k"]) assert.equal(copied.get(name), given.get(name), name);

    said.own = OWN;
    await page.getByText("Trust of Lindenau CA 1").waitFor();
    const shown = await page.locator("section.card dl code").innerText();
    assert.equal(shown.replaceAll(" ", ""), KEY);
    await page.getByLabel("I have read it elsewhere").check();
    await until(() => approving.isEnabled(), "it can be approved");
    await glance(page, "sign-own-told");
    await press(approving);
    await page.getByText("You have approved it.").waitFor();

    const posted = heard.find(({ path }) => path.endsWith("/own-certificate/approval"));
    const { approval } = posted?.body.approval ?? {};
    assert.deepEqual([approval.shown.level, approval.shown.key], ["S4", KEY]);
    assert.ok(await approving.isDisabled());
    assert.equal(heard.filter(({ path }) => path.endsWith("/signatures")).length, 0);
    await glance(page, "sign-own-approved");
});
