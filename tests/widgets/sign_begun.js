/** The page of signatures with a session that begins anew, of somebody with a key in their browser. */
import { keyHere } from "./approvals_fake.js";
import { BASE, ask } from "./harness.js";
import { serve, table } from "./sign_fake.js";

/** @typedef {import("./sign_fake.js").Answer} Answer */
/** @typedef {import("./harness.js").Stage} Stage */

/**
 * The page of a session that begins anew.
 * @param {Stage["open"]} open
 * @param {{hasClauses?: boolean, hasKey?: boolean, isSigned?: boolean}} [options]
 * @param {(answers: Record<string, Answer>) => Record<string, Answer>} [changed]
 */
export async function atSign(
    open,
    { hasClauses = false, hasKey = true, isSigned = false } = {},
    changed = (one) => one,
) {
    const begun = await ask("begin", { has_clauses: hasClauses, is_signed: isSigned });
    const { page, context } = await open({ reducedMotion: "reduce" });
    await page.goto(`${BASE}/approve`);
    const { listed, public_key } = await keyHere(page);
    await ask("enrol", { public_key });
    const heard = await serve(context, changed(table(hasKey ? [listed] : [])));
    await page.goto(`${BASE}/sign#${begun.fragment}`);
    const sign = page.getByRole("button", { name: "Sign", exact: true });
    return { page, heard, begun, sign, alert: page.locator("main .banner.critical") };
}
