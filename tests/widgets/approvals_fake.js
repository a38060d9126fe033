/**
 * The APIs of signing in, keys and approvals answered by the test itself, in their real shapes: for
 * what a real service cannot be made to do at will (hostile words, every kind, errors, a lost
 * network). Whatever depends on a service is tested in the house.
 *
 * @typedef {import("playwright-core").BrowserContext} BrowserContext
 * @typedef {{status?: number, body: unknown}} Given
 * @typedef {{method: string, path: string, body: any}} Heard
 */
import { answer } from "./answers.js";

export const PERSON = "@alice:localhost";
export const NONCE = "abcdefghijklmnopqrstuvwxyz234567";
const HOUR_MS = 3_600_000;

/** What an approval of each kind shows. */
export const SHOWN = {
    payment: {
        payee: "DE89 3704 0044 0532 0130 00",
        payee_name: "Town of Lindenau",
        amount: { minor: 1250, currency: "EUR" },
        reference: "Birth certificate, LB-2025-0042",
    },
    release: {
        to: "Town of Lindenau",
        service: "Change of address",
        number: "CA-2025-0007",
        values: [
            { label: "Name", value: "Alice Example" },
            { label: "New address", value: "12 Mill Lane\n04177 Lindenau" },
        ],
    },
    signature: {
        title: "Tenancy agreement",
        sha256: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        size: 125_302,
        pages: 12,
        requester: "Lindenau Housing Cooperative",
        session: "01JD0000000000000000000001",
        party: "p2",
        role: "signer",
        level: "S1",
        code: "4718",
        parties_sha256: "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg",
        effect: "when_complete",
        read: "all_pages",
        clauses: [{ id: "c7", title: "Penalty", accepted: true }],
    },
    mandate: {
        what: "code_limit",
        text: "Pay up to 50.00 EUR a day by replying with a code.",
        cap: { minor: 5000, currency: "EUR" },
        period: "day",
    },
};

/** @param {keyof typeof SHOWN} kind @param {Record<string, unknown>} [shown] */
export function asked(kind, shown = SHOWN[kind]) {
    return { kind, nonce: NONCE, person: PERSON, shown };
}

/** @param {unknown} approval @param {Record<string, unknown>} [more] */
export function openAnswer(approval, more = {}) {
    const now_ms = Date.now();
    return {
        state: "open",
        asked: approval,
        expires_at_ms: now_ms + HOUR_MS,
        new_key_waits_ms: 12 * HOUR_MS,
        now_ms,
        keys: [],
        ...more,
    };
}

export const session = {
    token: "t".repeat(43),
    id: "01JD0000000000000000000001",
    level: "room",
    person: PERSON,
    language: "en",
    expires_at_ms: Date.now() + 8 * HOUR_MS,
    idle_ms: 900_000,
};

/** @param {string} errcode @param {number} status @param {Record<string, unknown>} [more] @returns {Given} */
export function refusal(errcode, status, more = {}) {
    return { status, body: { errcode, error: "said by the service", ...more } };
}

/**
 * Answers "GET approvals/v1/time" and so on; whatever is not in the table is not found. A function
 * is asked each time.
 * @param {BrowserContext} context
 * @param {Record<string, Given | ((heard: Heard) => Given | "lost")>} table
 * @returns {Promise<Heard[]>} all that was asked, growing
 */
export async function fake(context, table) {
    /** @type {Heard[]} */
    const heard = [];
    await answer(context, /\/_veche\//, async (route) => {
        const request = route.request();
        const path = new URL(request.url()).pathname.replace("/_veche/", "");
        const one = { method: request.method(), path, body: request.postDataJSON() };
        heard.push(one);
        const found = table[`${one.method} ${path}`];
        const given = typeof found === "function" ? found(one) : found;
        if (given === "lost") {
            await route.abort("connectionreset");
            return;
        }
        const { status = 200, body } = given ?? refusal("ORG.VECHE.NOT_FOUND", 404);
        await route.fulfill({ status, json: body });
    });
    return heard;
}

/** @param {BrowserContext} context signed in from the first page on */
export async function signedIn(context, level = "room") {
    await context.addInitScript(
        (kept) => {
            if (sessionStorage.getItem("test.begun")) return;
            sessionStorage.setItem("test.begun", "1");
            sessionStorage.setItem("veche.session", JSON.stringify(kept));
        },
        { ...session, level },
    );
}

/**
 * A key of this browser, as an enrolment leaves it.
 * @param {import("playwright-core").Page} page on a page that loads kit/approval.js
 * @param {string} [owner]
 * @returns {Promise<{listed: Record<string, unknown>, public_key: number[]}>} as the service lists it
 */
export async function keyHere(page, owner = PERSON) {
    const made = await page.evaluate(async (person) => {
        const links = [...document.querySelectorAll("link[rel=modulepreload]")];
        const address = links.map((one) => one.getAttribute("href") ?? "");
        const module = await import(address.find((one) => one.endsWith("/kit/approval.js")) ?? "");
        const { pair, id, public_key } = await module.makeBrowserKey();
        await module.keepKey({ id, person, kind: "p256", label: "This browser", pair });
        return { id, public_key: [...public_key] };
    }, owner);
    return {
        listed: {
            id: made.id,
            kind: "p256",
            credential_id: null,
            transports: [],
            label: "This browser",
            held_until_ms: null,
        },
        public_key: made.public_key,
    };
}
